import { GenericContainer, Wait } from 'testcontainers';
import { natsConfig, testAccounts } from './nats.ts';
import type { TestInfra } from './test-infra.ts';

const images = { postgres: 'postgres:17', nats: 'nats:2.12' } as const;
const natsPort = 4222;
const postgresPort = 5432;

/** The same two servers as containers. Ryuk removes them even after kill -9, unless TESTCONTAINERS_RYUK_DISABLED=true. */
export const startContainers = async (): Promise<TestInfra> => {
  const settings = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=300', 'jit=off'];
  const postgres = await new GenericContainer(images.postgres)
    .withEnvironment({ POSTGRES_PASSWORD: 'postgres', POSTGRES_HOST_AUTH_METHOD: 'trust' })
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    .withTmpFs({ '/var/lib/postgresql/data': 'rw' })
    .withExposedPorts(postgresPort)
    // The image starts the server twice: the one that initialises speaks no TCP, the one for good does.
    .withWaitStrategy(Wait.forSuccessfulCommand('pg_isready -q -h 127.0.0.1 -U postgres'))
    .start();
  try {
    const content = natsConfig({ port: natsPort, host: '0.0.0.0', storeDir: '/tmp/store', extra: testAccounts() });
    const nats = await new GenericContainer(images.nats)
      .withCopyContentToContainer([{ content, target: '/etc/nats/test.conf' }])
      .withCommand(['-c', '/etc/nats/test.conf'])
      .withExposedPorts(natsPort)
      .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
      .start();
    return {
      postgresUrl: `postgres://postgres:postgres@${postgres.getHost()}:${postgres.getMappedPort(postgresPort)}/postgres`,
      natsUrl: `nats://${nats.getHost()}:${nats.getMappedPort(natsPort)}`,
      stop: async () => void (await Promise.all([postgres.stop(), nats.stop()])),
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
};
