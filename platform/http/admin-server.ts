/**
 * The process's side door: metrics and health, never reachable from outside. Liveness says that the event loop turns
 * and nothing more: a broken dependency must not make the orchestrator kill a process that would recover.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PartReadiness {
  readonly ready: boolean;
  readonly durationMs: number;
  /** Why it is not ready; never holds credentials. */
  readonly reason?: string;
}

export interface Readiness {
  readonly ready: boolean;
  /** "starting" before everything is open, "stopping" from the first signal on. */
  readonly state: 'starting' | 'serving' | 'stopping';
  readonly parts: Readonly<Record<string, PartReadiness>>;
}

export interface AdminServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly ready: () => Promise<Readiness>;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

const send = (response: ServerResponse, status: number, contentType: string, body: string): void => {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' });
  response.end(response.req.method === 'HEAD' ? undefined : body);
};
const sendJson = (response: ServerResponse, status: number, body: unknown): void =>
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`);

const answer = async (path: string, response: ServerResponse, options: AdminServerOptions): Promise<void> => {
  if (path === '/health/live') return sendJson(response, 200, { live: true });
  if (path === '/health/ready') {
    const readiness = await options.ready();
    return sendJson(response, readiness.ready ? 200 : 503, readiness);
  }
  if (path === '/metrics') {
    const { contentType, body } = await options.metrics();
    return send(response, 200, contentType, body);
  }
  return sendJson(response, 404, { paths: ['/metrics', '/health/live', '/health/ready'] });
};

/** @throws when the address is taken */
export const startAdminServer = async (options: AdminServerOptions): Promise<AdminServer> => {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000 }, (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return sendJson(response, 405, { allowed: ['GET', 'HEAD'] });
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    answer(path, response, options).catch(() =>
      response.headersSent ? response.destroy() : sendJson(response, 500, { error: 'internal' }),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        // A scrape that hangs may not hold the process.
        setTimeout(() => server.closeAllConnections(), 500).unref();
      }),
  };
};
