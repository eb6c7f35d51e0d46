import { createServer, type AddressInfo } from 'node:net';

/** An address that refuses connections: a port that was free a moment ago, and that nothing here asks for again. */
export async function closedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}
