// Drives a server with the earlier official TypeScript SDK and prints what happened as one line of JSON.
//
// usage: typescript_sdk.mjs URL
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { drive } from './drive.mjs';

const asked = [];
const client = new Client({ name: 'sdk', version: '1' }, { capabilities: { elicitation: {} } });
client.setRequestHandler(ElicitRequestSchema, async (request) => {
  asked.push(request.params.message);
  return { action: 'accept', content: { answer: 'blue' } };
});
const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]));
await client.connect(transport);
const revision = transport.protocolVersion;
const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
const summary = await drive(client, call);
await transport.terminateSession();
await client.close();
console.log(JSON.stringify({ revision, asked, ...summary }));
