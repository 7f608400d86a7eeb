// Calls one tool in a session with an official TypeScript client and prints the answer as one line of JSON.
//
// usage: call_tool.mjs CLIENT URL TOOL ARGUMENTS      (CLIENT: client, or sdk for the earlier one)
const [which, url, tool, args] = process.argv.slice(2);
const [{ Client }, { StreamableHTTPClientTransport }] =
  which === 'sdk'
    ? await Promise.all([
        import('@modelcontextprotocol/sdk/client/index.js'),
        import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
      ])
    : await import('@modelcontextprotocol/client').then((module) => [module, module]);
const client = new Client({ name: which, version: '1' }, { capabilities: {} });
const transport = new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const call = { name: tool, arguments: JSON.parse(args) };
const called = which === 'sdk' ? await client.callTool(call, undefined) : await client.callTool(call);
console.log(JSON.stringify({ text: called.content[0].text }));
await client.close();
process.exit(0);
