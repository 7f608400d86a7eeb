// What both TypeScript clients do with a server.
export async function drive(client, call) {
  const tools = [];
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    tools.push(...page.tools.map((tool) => tool.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  const echoed = await call('echo', { message: 'hi' });
  const progress = [];
  const slept = await call(
    'sleep_with_progress',
    { steps: 3, interval_ms: 30 },
    { onprogress: (step) => progress.push([step.progress, step.total]) },
  );
  const decided = await call('ask', { question: 'which colour?' });
  const resource = await client.readResource({ uri: 'test://static-text' });
  return {
    tools,
    echo: echoed.content[0].text,
    progress,
    slept: slept.content[0].text,
    answered: decided.content[0].text,
    resource: resource.contents[0].text,
  };
}
