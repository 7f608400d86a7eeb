// A small balancer: each request goes to the next replica that wants requests. There are no sticky sessions.
//
//   node balancer.mjs PORT NAME=ADDRESS,READY...
//
// ADDRESS is host:port of a replica, READY is host:port where its GET /ready answers 200 while it wants requests.
// Each answer names the replica it came from in the header x-served-by. A request goes to another replica only if
// the connection was refused, because then nothing was sent: a call never runs twice because of this program.
import http from 'node:http';

const [port, ...rest] = process.argv.slice(2);
const replicas = rest.map((text) => {
  const [name, addresses] = text.split('=');
  const [address, ready] = addresses.split(',');
  return { name, address: endpoint(address), ready: endpoint(ready), green: false };
});
let turn = 0;

function endpoint(text) {
  const [host, port] = text.split(':');
  return { host, port: Number(port) };
}

function look(replica) {
  const again = (green) => {
    if (green !== replica.green) console.log(`${replica.name} ${green ? 'takes requests' : 'is left out'}`);
    replica.green = green;
    setTimeout(look, 200, replica);
  };
  const request = http.get({ ...replica.ready, path: '/ready', agent: false, timeout: 2000 }, (answer) => {
    answer.resume();
    answer.on('close', () => again(answer.statusCode === 200));
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => again(false));
}

// The replicas in the order in which they may be tried, beginning with the one whose turn it is.
function candidates() {
  const inTurn = replicas.map((_, at) => replicas[(turn + at) % replicas.length]);
  const green = inTurn.filter((replica) => replica.green);
  turn = replicas.indexOf(green[0]) + 1;
  return green;
}

function forward(request, body, response, [replica, ...others]) {
  if (!replica) {
    response.writeHead(503, { 'retry-after': '1' }).end();
    return;
  }
  const { method, url: path, headers } = request;
  // A connection of its own for each request: one that was kept open could break after the request was sent.
  const onward = http.request({ ...replica.address, method, path, headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode, { ...answer.headers, 'x-served-by': replica.name });
    response.flushHeaders();
    answer.pipe(response);
    answer.on('error', () => response.destroy());
  });
  onward.on('error', (error) => {
    if (error.code === 'ECONNREFUSED') {
      console.log(`${replica.name} is left out`);
      replica.green = false;
      forward(request, body, response, others);
    } else {
      response.destroy();
    }
  });
  // A client that leaves takes its request with it.
  response.on('close', () => onward.destroy());
  onward.end(body);
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => forward(request, Buffer.concat(parts), response, candidates()));
});
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`balancing on http://127.0.0.1:${port}/mcp`);
  for (const replica of replicas) look(replica);
});
