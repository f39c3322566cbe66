/**
 * The environment of every process: the one place where the keys of docs/environment.md are put together for the local
 * runner, the whole-system tests and the benchmark.
 */
import { createHmac } from 'node:crypto';
import type { ProcessRow, ServiceName } from '#topology';
import { localHost, type PortPlan, type PortRole, type ProcessPorts } from './ports.ts';
import { compileCache } from './run.ts';
import type { Secrets } from './secrets.ts';

export type Environment = Readonly<Record<string, string>>;

export interface EnvironmentInput {
  readonly ports: PortPlan;
  readonly secrets: Secrets;
  readonly natsUrl: string;
  /** Connection string of the login role of one database. */
  readonly databaseUrl: (database: string) => string;
  /** How a person reaches the gateway; defaults to its port on this machine. */
  readonly publicUrl?: string;
  /** Ports of this process when it is a second replica and not the one of the plan. */
  readonly replicaPorts?: ProcessPorts & { readonly gateway?: number };
  /** Last word, for every process ("all") or for one. */
  readonly overrides?: Readonly<Partial<Record<ServiceName | 'all', Environment>>>;
}

/** What a process may inherit from the shell that starts the platform; anything else would make two machines differ. */
const inherited = [
  'PATH',
  'HOME',
  'TZ',
  'LANG',
  'LOG_LEVEL',
  'SIMULATOR_SEED',
  'RATE_LIMIT_FACTOR',
  'POLICY_LIMIT_FACTOR',
  'CORS_ORIGINS',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'NODE_EXTRA_CA_CERTS',
] as const;

const fromShell = (): Environment =>
  Object.fromEntries(
    inherited.flatMap((name) => {
      const value = process.env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );

export const gatewayUrl = (ports: PortPlan): string => `http://${localHost}:${ports.gateway}`;

const portOf = (ports: PortPlan, name: ServiceName, role: PortRole): number => {
  const port = ports.processes[name]?.[role];
  if (port === undefined) throw new Error(`topology.ts gives ${name} no port for ${role}`);
  return port;
};

export const simulatorUrl = (ports: PortPlan): string => `http://${localHost}:${portOf(ports, 'simulator', 'http')}`;
export const adminUrl = (ports: PortPlan, name: ServiceName): string => `http://${localHost}:${portOf(ports, name, 'admin')}`;
export const grpcAddress = (ports: PortPlan, name: ServiceName): string => `${localHost}:${portOf(ports, name, 'grpc')}`;

/** Keys of the payment gateways that the simulator plays; derived, so that a secrets file of before still does. */
const paymentKeys = ({ paymentSimulatorSecret }: Secrets): Environment => {
  const derived = (name: string): string => createHmac('sha256', paymentSimulatorSecret).update(name).digest('hex').slice(0, 40);
  return {
    STRIPE_SECRET_KEY: `sk_test_${derived('stripe key')}`,
    STRIPE_WEBHOOK_SECRET: `whsec_${derived('stripe webhook')}`,
    PAYSTACK_SECRET_KEY: `sk_test_${derived('paystack key')}`,
    FLUTTERWAVE_SECRET_KEY: `FLWSECK_TEST-${derived('flutterwave key')}`,
    FLUTTERWAVE_WEBHOOK_HASH: derived('flutterwave webhook'),
  };
};

/** The keys that only this process reads: the second table of docs/environment.md. */
const ownKeys = (name: ServiceName, input: EnvironmentInput): Environment => {
  const { ports, secrets } = input;
  const publicUrl = input.publicUrl ?? gatewayUrl(ports);
  switch (name) {
    case 'auth':
      return { AUTH_ENCRYPTION_KEY: secrets.authEncryptionKey, PUBLIC_URL: publicUrl };
    case 'billing':
      return {
        PAYMENT_SIMULATOR_URL: simulatorUrl(ports),
        PAYMENT_SIMULATOR_SECRET: secrets.paymentSimulatorSecret,
        ...paymentKeys(secrets),
        STRIPE_API_URL: simulatorUrl(ports),
        PAYSTACK_API_URL: simulatorUrl(ports),
        FLUTTERWAVE_API_URL: simulatorUrl(ports),
        PUBLIC_URL: publicUrl,
      };
    case 'verification':
      return {
        PROVIDER_HANDLER_API_URL: `${simulatorUrl(ports)}/stubs/handler_api.php`,
        PROVIDER_HANDLER_API_KEY: secrets.providerHandlerApiKey,
        PROVIDER_PUSH_SECRET: secrets.providerPushSecret,
        PROVIDER_CALLBACK_URL: `${publicUrl}/v2/callbacks/providers`,
        VERIFICATION_ENCRYPTION_KEY: secrets.verificationEncryptionKey,
        // Here numbers live for seconds: a minute's patience for another code would only make demos and tests wait.
        FINISH_DELAY_MS: '1000',
      };
    case 'campaign':
      return {
        SMPP_HOST: localHost,
        SMPP_PORT: String(portOf(ports, 'simulator', 'smpp')),
        SMPP_SYSTEM_ID: secrets.smppSystemId,
        SMPP_PASSWORD: secrets.smppPassword,
        // A number, from the range kept for fiction: a handset cannot answer a name.
        CAMPAIGN_SENDER: '441632960100',
        CAMPAIGN_SEGMENT_PRICE: '0.0075',
      };
    case 'analytics':
      return {};
    case 'notification':
      return {
        MAILBOX_URL: `${simulatorUrl(ports)}/mailbox`,
        PUBLIC_URL: publicUrl,
        MAIL_FROM: 'Namaskah <no-reply@namaskah.example>',
        NOTIFICATION_ENCRYPTION_KEY: secrets.notificationEncryptionKey,
        // The simulator's receiver, and whatever a developer runs beside it.
        WEBHOOK_ALLOW_HTTP_LOOPBACK: 'true',
      };
    case 'gateway':
      return {
        GATEWAY_HOST: localHost,
        GATEWAY_PORT: String(input.replicaPorts?.gateway ?? ports.gateway),
        PUBLIC_URL: publicUrl,
      };
    case 'simulator':
      return {
        SIMULATOR_HOST: localHost,
        SIMULATOR_HTTP_PORT: String(input.replicaPorts?.http ?? portOf(ports, 'simulator', 'http')),
        SIMULATOR_SMPP_PORT: String(input.replicaPorts?.smpp ?? portOf(ports, 'simulator', 'smpp')),
        SIMULATOR_SEED: 'namaskah',
        SIMULATOR_HANDLER_API_KEY: secrets.providerHandlerApiKey,
        SIMULATOR_PUSH_URL: `${gatewayUrl(ports)}/v2/callbacks/providers/handler-api/${secrets.providerPushSecret}`,
        PAYMENT_SIMULATOR_SECRET: secrets.paymentSimulatorSecret,
        ...paymentKeys(secrets),
        PAYMENT_WEBHOOK_URL: `${gatewayUrl(ports)}/v2/callbacks/payments`,
        SMPP_SYSTEM_ID: secrets.smppSystemId,
        SMPP_PASSWORD: secrets.smppPassword,
      };
  }
};

/**
 * @param row a process of topology.ts
 * @returns its whole environment. Order of precedence, lowest first: what is computed here, the shell (listed keys only), `overrides`.
 */
export const processEnvironment = (row: ProcessRow, input: EnvironmentInput): Environment => {
  const own = { ...input.ports.processes[row.name], ...input.replicaPorts };
  const port = (key: string, role: PortRole): Environment => (own[role] === undefined ? {} : { [key]: String(own[role]) });
  return {
    ENVIRONMENT: 'development',
    LOG_LEVEL: 'info',
    NATS_URL: input.natsUrl,
    PRINCIPAL_KEY: input.secrets.principalKey,
    ADMIN_HOST: localHost,
    ...port('ADMIN_PORT', 'admin'),
    ...(row.ports.grpc === undefined ? {} : { GRPC_HOST: localHost, ...port('GRPC_PORT', 'grpc') }),
    ...(row.database === undefined ? {} : { DATABASE_URL: input.databaseUrl(row.database) }),
    ...Object.fromEntries(row.calls.map((callee) => [`${callee.toUpperCase()}_GRPC_ADDRESS`, grpcAddress(input.ports, callee)])),
    ...ownKeys(row.name, input),
    OTEL_SERVICE_NAME: row.name,
    NODE_COMPILE_CACHE: compileCache,
    ...fromShell(),
    ...input.overrides?.all,
    ...input.overrides?.[row.name],
  };
};
