import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  /** Delays every chunk, both ways. 0 = none. */
  latency(ms: number): void;
  /** Accepts and keeps connections but passes nothing on, as a dropped route does. */
  blackHole(on: boolean): void;
  /** Resets every open connection now. */
  reset(): void;
  /** Refuses new connections and resets the open ones, until called with false. */
  refuse(on: boolean): void;
  connections(): number;
  close(): Promise<void>;
}

/** A TCP proxy on 127.0.0.1 whose faults a test switches. @param target "host:port" */
export const startFaultProxy = async ({ target }: { readonly target: string }): Promise<FaultProxy> => {
  const { hostname, port: targetPort } = new URL(`tcp://${target}`);
  const pairs = new Set<readonly [Socket, Socket]>();
  const state = { latencyMs: 0, blackHole: false, refuse: false };
  const held: (() => void)[] = [];

  const server: Server = createServer((client) => {
    if (state.refuse) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(targetPort), hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    relay(client, upstream);
    relay(upstream, client);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
  });

  const relay = (from: Socket, to: Socket): void => {
    // Chunks keep their order: each waits for the one before.
    let last: Promise<void> = Promise.resolve();
    from.on('data', (chunk) => {
      const arrivedAt = performance.now();
      last = last.then(async () => {
        if (state.blackHole) await new Promise<void>((resolve) => held.push(resolve));
        const waitMs = arrivedAt + state.latencyMs - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        if (to.writable) to.write(chunk);
      });
    });
    from.on('end', () => void last.then(() => to.end()));
  };

  const reset = (): void => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
    pairs.clear();
  };
  const openHeld = (): void => {
    for (const release of held.splice(0)) release();
  };

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    latency: (ms) => void (state.latencyMs = ms),
    blackHole: (on) => {
      state.blackHole = on;
      if (!on) openHeld();
    },
    reset,
    refuse: (on) => {
      state.refuse = on;
      if (on) reset();
    },
    connections: () => pairs.size,
    close: async () => {
      openHeld();
      reset();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
};
