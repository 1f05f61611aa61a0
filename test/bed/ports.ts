/** Free ports on the loopback interface. */
import { createServer, type Server } from 'node:net';

// below the range from which systems take ports for outgoing connections, so that a server that is restarted finds
// its port still free
const FIRST = 18_000;
const LAST = 29_999;

/** So many different ports that nothing listens on right now. */
export async function freePorts(count: number): Promise<number[]> {
  const held: { port: number; server: Server }[] = [];
  for (let tries = 0; held.length < count; tries++) {
    if (tries > 1000) throw new Error(`no free port between ${FIRST} and ${LAST} on 127.0.0.1`);
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    const server = await listen(port);
    if (server !== undefined) held.push({ port, server });
  }
  await Promise.all(held.map(({ server }) => new Promise(resolve => server.close(resolve))));
  return held.map(({ port }) => port);
}

function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise(resolve => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
