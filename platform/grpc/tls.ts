/**
 * Mutual TLS between services. Both sides show a certificate of one CA; the server also asks whether this caller, by a DNS
 * name in its certificate, may call this gRPC service. Certificates are read at start: rotate by restarting, which loses
 * no request.
 */
import { readFileSync } from 'node:fs';
import { ChannelCredentials, ServerCredentials, type ServerInterceptor, ServerInterceptingCall } from '@grpc/grpc-js';
import { appError } from '#platform/errors/index.ts';
import { toGrpcError } from '#platform/errors/to-grpc.ts';
import { splitPath } from './definition.ts';

export interface TlsFiles {
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
}
export interface ServerTls extends TlsFiles {
  /** gRPC service → callers (certificate names). "*" stands for every service that is not listed. Absent: any certificate of the CA. */
  readonly callers?: Readonly<Record<string, readonly string[]>>;
}
export interface ClientTls extends TlsFiles {
  /** The name in the server's certificate, when it is not the host of the address. */
  readonly serverName?: string;
}

interface TlsConfig {
  readonly grpcTlsCa: string | undefined;
  readonly grpcTlsCert: string | undefined;
  readonly grpcTlsKey: string | undefined;
  readonly grpcTlsCallers?: string | undefined;
}

const parseCallers = (text: string): Record<string, readonly string[]> =>
  Object.fromEntries(
    text.split(';').map((entry) => {
      const [service = '', names = ''] = entry.split('=');
      const callers = names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '');
      if (service.trim() === '' || callers.length === 0) throw new Error(`GRPC_TLS_CALLERS: cannot read "${entry}"`);
      return [service.trim(), callers];
    }),
  );

/** From `grpcTlsConfig`. @returns undefined when TLS is not configured @throws when it is configured by half */
export const grpcTls = (config: TlsConfig): ServerTls | undefined => {
  const { grpcTlsCa: caPath, grpcTlsCert: certPath, grpcTlsKey: keyPath, grpcTlsCallers: callers } = config;
  if (caPath === undefined && certPath === undefined && keyPath === undefined) return undefined;
  if (caPath === undefined || certPath === undefined || keyPath === undefined)
    throw new Error('GRPC_TLS_CA, GRPC_TLS_CERT and GRPC_TLS_KEY belong together');
  return { caPath, certPath, keyPath, ...(callers === undefined ? {} : { callers: parseCallers(callers) }) };
};

export const serverCredentials = (tls: TlsFiles | undefined): ServerCredentials =>
  tls === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(
        readFileSync(tls.caPath),
        [{ cert_chain: readFileSync(tls.certPath), private_key: readFileSync(tls.keyPath) }],
        true,
      );

export const clientCredentials = (tls: TlsFiles | undefined): ChannelCredentials =>
  tls === undefined
    ? ChannelCredentials.createInsecure()
    : ChannelCredentials.createSsl(readFileSync(tls.caPath), readFileSync(tls.keyPath), readFileSync(tls.certPath));

/** DNS names of a certificate: "DNS:billing, DNS:billing.namaskah" */
const namesOf = (certificate: { readonly subjectaltname?: string | undefined } | undefined): readonly string[] =>
  (certificate?.subjectaltname ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice(4));

interface Authenticated {
  getAuthContext(): { readonly sslPeerCertificate?: { readonly subjectaltname?: string | undefined } | undefined };
}
/** Whether the holder of a connection's certificate may call this path. */
export type CallerCheck = (call: Authenticated, path: string) => boolean;

/** @throws when a service is named that this server does not have: a typing error must not open or close a door in silence */
export const callerCheck = (callers: Readonly<Record<string, readonly string[]>>, services: readonly string[]): CallerCheck => {
  for (const name of Object.keys(callers)) {
    if (name !== '*' && !services.includes(name)) throw new Error(`callers are listed for ${name}, which this server does not have`);
  }
  const everybody = [...new Set(Object.values(callers).flat())];
  const listed = (path: string): readonly string[] => {
    const { service } = splitPath(path);
    // Health, reflection and lanes are open to whoever may call anything here; a call on a lane is asked about by its own path.
    return services.includes(service) ? (callers[service] ?? callers['*'] ?? []) : everybody;
  };
  return (call, path) => {
    const allowed = listed(path);
    return namesOf(call.getAuthContext().sslPeerCertificate).some((name) => allowed.includes(name));
  };
};

export const callerForbidden = toGrpcError(appError('auth.forbidden', { message: 'This caller may not use this service.' }));

/** Refuses calls of those who are not on the list, before they are read. */
export const callerInterceptor =
  (mayCall: CallerCheck): ServerInterceptor =>
  (definition, call) =>
    mayCall(call, definition.path)
      ? new ServerInterceptingCall(call)
      : new ServerInterceptingCall(call, { start: (next) => next({ onReceiveMetadata: () => call.sendStatus(callerForbidden) }) });
