// Drives a server with the earlier official TypeScript SDK and prints what happened as one line of JSON.
//
// usage: typescript_sdk.mjs SERVER      (a URL, or a command as a JSON list)
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { drive } from './drive.mjs';

const asked = [];
const client = new Client({ name: 'sdk', version: '1' }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, async (request) => {
  asked.push(request.params.message);
  return { action: 'accept', content: { answer: 'blue' } };
});
const server = process.argv[2];
const overPipe = ([command, ...args]) => new StdioClientTransport({ command, args });
const transport = server.startsWith('[')
  ? overPipe(JSON.parse(server))
  : new StreamableHTTPClientTransport(new URL(server));
// A pipe carries no header that would name the revision, but the client tells every transport that wants to know.
let negotiated;
if (server.startsWith('[')) {
  transport.setProtocolVersion = (version) => {
    negotiated = version;
  };
}
await client.connect(transport);
const revision = transport.protocolVersion ?? negotiated;
const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
const summary = await drive(client, call);
await transport.terminateSession?.();
await client.close();
console.log(JSON.stringify({ revision, asked, ...summary }));
