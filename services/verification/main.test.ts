import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { events } from '#events';
import { HoldState, LedgerServiceService } from '#proto/namaskah/billing/v1/billing.ts';
import { PriceServiceService, type Quote } from '#proto/namaskah/billing/v1/prices.ts';
import {
  CatalogServiceClient,
  ProviderPushServiceClient,
  VerificationServiceClient,
  VerificationStatus,
} from '#proto/namaskah/verification/v1/verification.ts';
import { appError, type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { allow, errorDetailOf, type GrpcServer, grpcClient, grpcService, method, startGrpcServer } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { RunningService } from '#platform/lifecycle/index.ts';
import { createLogger } from '#platform/logging/index.ts';
import { openBus } from '#platform/messaging/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import {
  bodyOf,
  createTestDatabase,
  createTestNats,
  eventually,
  startTestServer,
  testPrincipal,
  testPrincipalKey,
  type TestServer,
} from '#platform/testing/index.ts';
import { migrations } from './adapters/postgres/migrations/index.ts';
import { verificationConfig } from './config.ts';
import { start } from './main.ts';
import { type RunningSimulator, startSimulator } from './testing/simulator.ts';

const refusedWith = (code: ErrorCode) => (error: unknown) =>
  isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);
const pushSecret = 'push-secret-of-the-tests';

/** Billing as far as a purchase sees it: holds, idempotent, by the system's principal only. */
const startBilling = (poor: ReadonlySet<string>): Promise<GrpcServer> => {
  const holds = new Map<string, string>();
  const quotes = new Map<string, Quote>();
  const unit = { lines: [], bookVersionId: '', book: 'default', version: 1 };
  const later = () => assert.fail('verification only places holds');
  return startGrpcServer({
    ...{
      host: '127.0.0.1',
      port: 0,
      principalKey: testPrincipalKey,
      logger: createLogger({ service: 'billing-stub', level: 'silent' }),
      metrics: createMetrics(metricTable),
    },
    services: [
      grpcService(LedgerServiceService, {
        placeHold: method(allow('system'), later),
        placeHolds: method(allow('system'), ({ items }) => ({
          results: items.map(({ tenantId, hold }) => {
            if (hold === undefined) return assert.fail('an item without a hold');
            if (poor.has(tenantId)) return { hold: undefined, error: errorDetailOf(appError('billing.insufficient_credit')) };
            const { idempotencyKey, amount, product, reference, expiresAt } = hold;
            const id = holds.get(idempotencyKey) ?? newId();
            holds.set(idempotencyKey, id);
            const state = HoldState.HOLD_STATE_HELD;
            return {
              hold: { id, state, amount, captured: undefined, product, reference, expiresAt, createdAt: new Date() },
              error: undefined,
            };
          }),
        })),
        captureHold: method(allow('system'), later),
        releaseHold: method(allow('system'), later),
        getHold: method(allow('system'), later),
        grantCredit: method(allow('system'), later),
      }),
      grpcService(PriceServiceService, {
        resolvePrices: method(allow('system'), ({ asks }) => ({
          results: asks.map(({ item, listPrice: price }) => ({ priced: { item, unit: { ...unit, price } }, error: undefined })),
        })),
        // One quote for each tenant and item: the list price, for ten minutes.
        createQuotes: method(allow('system'), ({ asks }) => ({
          results: asks.map(({ tenantId, items }) => {
            const [first = assert.fail('a quote of nothing')] = items;
            const total = first.ask?.listPrice ?? assert.fail('an ask without a list price');
            const key = JSON.stringify([tenantId, first.ask?.item]);
            const id = quotes.get(key)?.id ?? newId();
            const item = { item: first.ask?.item, quantity: first.quantity, unit: undefined, amount: total };
            const expiresAt = new Date(Date.now() + 600_000);
            const quote = { id, tenantId, items: [item], total, plan: 'starter', expiresAt, createdAt: new Date() };
            quotes.set(key, quote);
            return { quote, error: undefined };
          }),
        })),
        getQuote: method(allow('system'), ({ id }, { principal }) => {
          const quote = [...quotes.values()].find((known) => known.id === id && known.tenantId === principal.tenantId);
          if (quote === undefined) throw appError('request.not_found');
          return { quote };
        }),
        explainCharge: method(allow('system'), later),
      }),
    ],
  });
};

describe('the verification service', () => {
  const closing: (() => Promise<unknown>)[] = [];
  const own = <T extends { close(): Promise<unknown> }>(part: T): T => (closing.unshift(() => part.close()), part);
  const poor = new Set<string>();
  const subjects: string[] = [];
  let simulator: RunningSimulator;
  let service: RunningService;
  let push: TestServer;
  const clients = (address: string) => {
    const options = { address, principalKey: testPrincipalKey, caller: 'gateway', defaultDeadlineMs: 10_000 };
    return {
      catalogue: own(grpcClient(CatalogServiceClient, options)),
      verifications: own(grpcClient(VerificationServiceClient, options)),
      pushes: own(grpcClient(ProviderPushServiceClient, options)),
    };
  };
  let api: ReturnType<typeof clients>;

  before(async () => {
    const [database, nats] = [own(await createTestDatabase('verification', migrations)), own(await createTestNats())];
    const billing = own(await startBilling(poor));
    // The gateway's part: the provider's push, passed on as it came.
    push = await startTestServer((request, response) => {
      const passedOn = async (): Promise<void> => {
        await api.pushes.receivePush({ provider: 'handler-api', secret: pushSecret, headers: {}, rawBody: await bodyOf(request) });
      };
      passedOn().then(
        () => response.writeHead(204).end(),
        () => response.writeHead(503).end(),
      );
    });
    closing.unshift(() => push.close());
    simulator = own(await startSimulator({ pushUrl: push.url }));
    await simulator.configure({ handlerApi: { codeDelayMinMs: 100, codeDelayMaxMs: 300 } });
    const config = verificationConfig.parse({
      ...{ ENVIRONMENT: 'test', LOG_LEVEL: 'silent', NATS_URL: nats.url, DATABASE_URL: database.url, PRINCIPAL_KEY: testPrincipalKey },
      ...{
        BILLING_GRPC_ADDRESS: `127.0.0.1:${billing.port}`,
        PROVIDER_HANDLER_API_URL: simulator.apiUrl,
        PROVIDER_HANDLER_API_KEY: simulator.apiKey,
      },
      ...{ PROVIDER_PUSH_SECRET: pushSecret, VERIFICATION_ENCRYPTION_KEY: randomBytes(32).toString('base64'), SCHEDULER_TICK_MS: '50' },
      POLICY_LIMIT_FACTOR: '1000',
      ...{
        POLL_FIRST_MS: '500',
        RECONCILE_GRACE_MS: '2000',
        PROVIDER_TIMEOUT_MS: '1000',
        PURCHASE_MS: '2000',
        RETRY_MS: '100',
        FINISH_DELAY_MS: '0',
      },
    });
    service = own(await start(config));
    api = clients(`127.0.0.1:${service.addresses['grpc']}`);
    const bus = own(await openBus({ url: nats.url, name: 'test' }));
    await bus.follow('namaskah.verification.v1.>', (event) => void subjects.push(`${event.aggregateId} ${event.subject}`));
  });
  after(async () => {
    for (const close of closing) await close();
  });

  const buy = { service: 'telegram', country: 'ID', capability: 'sms', maxPrice: undefined };
  const statusOf = async (principal: ReturnType<typeof testPrincipal>, id: string) =>
    (await api.verifications.getVerification({ id }, { principal })).verification ?? assert.fail();

  it('is ready', async () => assert.equal((await service.ready()).ready, true));

  it('sells a number, receives its code by push, completes it and tells the world in order', async () => {
    const principal = testPrincipal();
    const { verification } = await api.verifications.createVerification({ ...buy, idempotencyKey: newId() }, { principal });
    assert.ok(verification);
    assert.equal(verification.status, VerificationStatus.VERIFICATION_STATUS_WAITING);
    assert.match(verification.phoneNumber, /^\+62/);
    const end = await eventually(async () => {
      const now = await statusOf(principal, verification.id);
      assert.equal(now.status, VerificationStatus.VERIFICATION_STATUS_COMPLETED);
      return now;
    });
    assert.match(end.code, /^\d{4,8}$/);
    assert.equal(end.messages.length, 1);
    await eventually(() =>
      assert.deepEqual(
        subjects.filter((line) => line.startsWith(verification.id)).map((line) => line.split(' ')[1]),
        [events.verification.purchased, events.verification.codeReceived, events.verification.completed].map((event) => event.subject),
      ),
    );
  });

  it('finds a code whose push never comes', async () => {
    await simulator.configure({ handlerApi: { nextCodes: ['no_push'] } });
    const principal = testPrincipal();
    const { verification } = await api.verifications.createVerification({ ...buy, idempotencyKey: newId() }, { principal });
    await eventually(async () => assert.match((await statusOf(principal, verification?.id ?? '')).code, /^\d{4,8}$/), {
      timeoutMs: 10_000,
    });
  });

  it('finds a number whose answer was lost, and does not buy another', async () => {
    await simulator.configure({ handlerApi: { nextFaults: ['timeout_after_buy'], noCodeRatio: 1 } });
    const principal = testPrincipal();
    const before = (await simulator.activations()).length;
    const { verification } = await api.verifications.createVerification({ ...buy, country: 'KE', idempotencyKey: newId() }, { principal });
    const found = await eventually(async () => {
      const now = await statusOf(principal, verification?.id ?? '');
      assert.notEqual(now.phoneNumber, '');
      return now;
    });
    const all = await simulator.activations();
    assert.equal(all.length, before + 1);
    assert.equal(`+${all.find((row) => row.orderId === found.id)?.phone}`, found.phoneNumber);
  });

  it('cancels, and refuses to cancel what has a code', async () => {
    await simulator.configure({ handlerApi: { noCodeRatio: 1 } });
    const principal = testPrincipal();
    const { verification } = await api.verifications.createVerification({ ...buy, idempotencyKey: newId() }, { principal });
    const id = verification?.id ?? '';
    const answer = await api.verifications.cancelVerification({ id }, { principal });
    assert.equal(answer.verification?.status, VerificationStatus.VERIFICATION_STATUS_CANCELLED);
    const second = await api.verifications.createVerification({ ...buy, idempotencyKey: newId() }, { principal });
    const activation = (await simulator.activations()).find((row) => row.orderId === second.verification?.id);
    await simulator.deliver(activation?.id ?? '', { text: 'Your code is 482913', code: '482913' });
    await assert.rejects(
      api.verifications.cancelVerification({ id: second.verification?.id ?? '' }, { principal }),
      refusedWith('verification.code_already_received'),
    );
  });

  it('lets in who may, and no one else', async () => {
    const owner = testPrincipal();
    const { verification } = await api.verifications.createVerification({ ...buy, idempotencyKey: newId() }, { principal: owner });
    const id = verification?.id ?? '';
    const stranger = testPrincipal();
    const viewer = testPrincipal({ tenantId: owner.tenantId, roles: ['viewer'] });
    const key = (scopes: string[]) => testPrincipal({ tenantId: owner.tenantId, subject: `key:${newId()}`, scopes });
    const create = (principal: ReturnType<typeof testPrincipal> | undefined) =>
      api.verifications.createVerification({ ...buy, idempotencyKey: newId() }, { principal });
    await assert.rejects(create(undefined), refusedWith('auth.unauthenticated'));
    await assert.rejects(create(viewer), refusedWith('auth.forbidden'));
    await assert.rejects(create(key(['verifications:read'])), refusedWith('auth.forbidden'));
    await assert.rejects(api.verifications.cancelVerification({ id }, { principal: viewer }), refusedWith('auth.forbidden'));
    await assert.rejects(api.verifications.getVerification({ id }, {}), refusedWith('auth.unauthenticated'));
    await assert.rejects(
      api.verifications.listVerifications({ page: undefined, status: '', service: '', country: '' }, {}),
      refusedWith('auth.unauthenticated'),
    );
    assert.equal(
      (await api.catalogue.listServices({ page: { limit: 2, cursor: '' }, search: '' }, {})).services.length,
      2,
      'visitors see the catalogue',
    );
    await assert.rejects(api.verifications.getVerification({ id }, { principal: stranger }), refusedWith('request.not_found'));
    await assert.rejects(api.verifications.cancelVerification({ id }, { principal: stranger }), refusedWith('request.not_found'));
    await assert.rejects(
      api.pushes.receivePush({ provider: 'handler-api', secret: 'wrong', headers: {}, rawBody: Buffer.from('{}') }),
      refusedWith('auth.unauthenticated'),
    );
    assert.equal((await statusOf(viewer, id)).id, id);
    assert.equal((await statusOf(key(['verifications:read']), id)).id, id);
  });

  it("passes billing's refusal on", async () => {
    const principal = testPrincipal();
    poor.add(principal.tenantId);
    await assert.rejects(
      api.verifications.createVerification({ ...buy, idempotencyKey: newId() }, { principal }),
      refusedWith('billing.insufficient_credit'),
    );
  });

  it('lists pages of verifications, services, countries and prices; refuses foreign cursors and statuses', async () => {
    const principal = testPrincipal();
    const page = { limit: 2, cursor: '' };
    for (let count = 0; count < 3; count++) await api.verifications.createVerification({ ...buy, idempotencyKey: newId() }, { principal });
    const first = await api.verifications.listVerifications({ page, status: '', service: 'telegram', country: 'id' }, { principal });
    const second = await api.verifications.listVerifications(
      { page: { limit: 2, cursor: first.nextCursor }, status: '', service: '', country: '' },
      { principal },
    );
    assert.deepEqual([first.verifications.length, second.verifications.length, second.nextCursor], [2, 1, '']);
    const services = await api.catalogue.listServices({ page, search: '' }, { principal });
    assert.equal(services.services.length, 2);
    const countries = await api.catalogue.listCountries({ page, search: 'indones' }, { principal });
    assert.deepEqual(countries.countries, [{ code: 'ID', name: 'Indonesia', dialCode: '+62' }]);
    const prices = await api.catalogue.listPrices({ page, service: 'telegram', country: 'ID' }, { principal });
    const [{ market, ...price } = assert.fail('no price')] = prices.prices;
    assert.deepEqual([market?.successRate, market?.medianLatencyMs], [undefined, undefined], 'three numbers say nothing');
    assert.deepEqual([price], [{ service: 'telegram', country: 'ID', capability: 'sms', price: { currency: 'USD', micros: 280_000n } }]);
    assert.deepEqual((await api.catalogue.listPrices({ page, service: 'telegram', country: 'ID' }, {})).prices[0]?.price, price.price);
    const quoted = await api.catalogue.quotePrice({ service: 'telegram', country: 'ID', capability: '' }, { principal });
    assert.equal(quoted.price?.micros, 280_000n);
    const bought = await api.verifications.createVerification({ ...buy, quoteId: quoted.quoteId, idempotencyKey: newId() }, { principal });
    assert.deepEqual(bought.verification?.price, quoted.price);
    const list = (over: object) =>
      api.verifications.listVerifications({ page, status: '', service: '', country: '', ...over }, { principal });
    await assert.rejects(list({ status: 'unknown' }), refusedWith('request.invalid'));
    await assert.rejects(list({ page: { limit: 2, cursor: services.nextCursor } }), refusedWith('request.invalid'));
    await assert.rejects(list({ page: { limit: 101, cursor: '' } }), refusedWith('request.invalid'));
  });
});
