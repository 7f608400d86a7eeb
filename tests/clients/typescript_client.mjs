// Drives a server with the official TypeScript client and prints what happened as one line of JSON.
//
// usage: typescript_client.mjs SERVER MODE      (SERVER: a URL, or a command as a JSON list; MODE: legacy, auto or a
// revision)
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { drive } from './drive.mjs';

const [url, mode] = process.argv.slice(2);
const versionNegotiation = { mode: ['legacy', 'auto'].includes(mode) ? mode : { pin: mode } };
const asked = [];
const client = new Client(
  { name: 'typescript', version: '1' },
  { capabilities: { elicitation: { form: {} } }, versionNegotiation },
);
client.setRequestHandler('elicitation/create', async (request) => {
  asked.push(request.params.message);
  return { action: 'accept', content: { answer: 'blue' } };
});
const overPipe = ([command, ...args]) => new StdioClientTransport({ command, args });
const transport = url.startsWith('[')
  ? overPipe(JSON.parse(url))
  : new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const revision = client.getNegotiatedProtocolVersion();
const call = (name, args, options) => client.callTool({ name, arguments: args }, options);
const summary = await drive(client, call);
await client.close();
console.log(JSON.stringify({ revision, asked, ...summary }));
