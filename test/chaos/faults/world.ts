/**
 * The use cases of verification over a real database and the real adapters, and the simulated market behind HTTP, all on one clock that
 * stands still until a round is settled: what meets a fault is decided by the test and by nothing else.
 */
import assert from 'node:assert/strict';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { bodyOf, eventually, startTestServer, type TestServer } from '#platform/testing/index.ts';
import { secondMs } from '#platform/time/index.ts';
import { startSimulator, testKeys, type TestSimulator } from '../../../services/simulator/testing/start-simulator.ts';
import { createFiveSimProvider } from '../../../services/verification/adapters/five-sim/provider.ts';
import { createHandlerApiProvider } from '../../../services/verification/adapters/handler-api/provider.ts';
import { createHandlerApiPush } from '../../../services/verification/adapters/handler-api/push.ts';
import { createSettlementStore } from '../../../services/verification/adapters/postgres/settlement/store.ts';
import { createTextVerifiedProvider } from '../../../services/verification/adapters/text-verified/provider.ts';
import { createTextVerifiedPush } from '../../../services/verification/adapters/text-verified/push.ts';
import { cancelVerification } from '../../../services/verification/app/cancel-verification.ts';
import { checkActivation } from '../../../services/verification/app/check-activation.ts';
import { createVerification } from '../../../services/verification/app/create-verification.ts';
import { getVerification } from '../../../services/verification/app/get-verification.ts';
import type { NumberProvider, Ports } from '../../../services/verification/app/ports.ts';
import { receivePush } from '../../../services/verification/app/receive-push.ts';
import { createPlanner } from '../../../services/verification/app/routing/planner.ts';
import type { Routes } from '../../../services/verification/app/routing/ports.ts';
import { recoupDue } from '../../../services/verification/app/settlement/recoup-due.ts';
import type { VerificationView } from '../../../services/verification/app/view.ts';
import { houseKeep, workDue } from '../../../services/verification/app/work-due.ts';
import { claimTiming } from '../../../services/verification/domain/settlement/claim.ts';
import {
  type Harness,
  openHarness,
  pushSecret,
  testCatalogue as catalogue,
  testHalfLifeMs,
} from '../../../services/verification/testing/harness.ts';
import { type Adapter, adapters, type Answer, type Path, type Trouble } from './table.ts';

/** The actions of the simulator that the steps of a life are made of. */
const actions: Readonly<Record<Adapter, Readonly<Record<'poll' | 'cancel' | 'find', string>>>> = {
  'handler-api': { poll: 'getStatusV2', cancel: 'setStatus', find: 'getActiveActivations' },
  '5sim': { poll: 'fiveSimCheck', cancel: 'fiveSimCancel', find: 'fiveSimOrders' },
  textverified: { poll: 'textVerifiedRead', cancel: 'textVerifiedCancel', find: 'textVerifiedList' },
};
const methodOf = { purchase: 'acquire', 'second provider': 'acquire', find: 'listActive', poll: 'status', cancel: 'cancel' } as const;
const namesOf: Readonly<Record<Adapter, string>> = { 'handler-api': 'handlerApi', '5sim': 'fiveSim', textverified: 'textVerified' };
const standIn: Readonly<Record<Adapter, Adapter>> = { 'handler-api': '5sim', '5sim': 'handler-api', textverified: 'handler-api' };

/** Sold by all three in the United States. Each purchase of a shift has one of its own: a lost one is looked for by its service. */
const services = catalogue.services.filter(
  ({ providerCodes, policyClass }) => policyClass === 'open' && adapters.every((adapter) => providerCodes[namesOf[adapter]] !== undefined),
);
const webhookSecret = 'webhook-secret-of-the-matrix';
/** So many rows of the table can be lived through at once. */
export const shiftRows = services.length;
/** Long enough for a machine with other work; only calls that are to time out are made with the short one. */
const patientMs = 30_000;
const hastyMs = 300;
const codeAfterMs = 90 * secondMs;
/** From the act to the last claim: retries, absence (19 s), the code, the end of a number (20 min), its claims. */
const stepsSeconds = [1, 2, 4, 8, 16, 29, 30, 30, 30, 60, 90, 900, 5, 35, 60, 60, 120];

interface ActivationRecord {
  readonly id: string;
  readonly state: string;
  readonly codes: readonly { readonly code: string }[];
}

/** One number that meets one fault at one step, through one adapter. */
export interface Meeting {
  readonly trouble: Trouble;
  readonly adapter: Adapter;
  readonly path: Path;
  readonly answer: Answer;
  readonly tenantId: string;
  readonly key: string;
  readonly id: string;
  /** What was bought for it at any provider. */
  readonly activationIds: readonly string[];
}

export interface World {
  readonly here: Harness;
  act(trouble: Trouble, nth: number, adapter: Adapter, path: Path): Promise<Meeting>;
  /** Lets time pass until every number has ended and every claim is answered. */
  settle(): Promise<void>;
  activation(id: string): Promise<ActivationRecord>;
  newestActivations(limit: number): Promise<readonly ActivationRecord[]>;
  /** The purchase once more under its key. */
  again(meeting: Meeting, nth: number): Promise<string>;
  view(meeting: Meeting): Promise<VerificationView>;
  close(): Promise<void>;
}

type Upstream = NumberProvider & { close(): Promise<void> };

const openProviders = (url: string, here: Harness, timeoutMs: number): Readonly<Record<Adapter, Upstream>> => ({
  'handler-api': createHandlerApiProvider({ url: `${url}/stubs/handler_api.php`, apiKey: testKeys.handlerApiKey, timeoutMs, catalogue }),
  '5sim': createFiveSimProvider({ url: `${url}/5sim/v1`, token: testKeys.fiveSimToken, timeoutMs, catalogue }),
  textverified: createTextVerifiedProvider({
    ...{ url: `${url}/textverified/api/pub/v2`, apiKey: testKeys.textVerifiedKey, username: 'simulator@example.test' },
    ...{ timeoutMs, clock: here.clock, catalogue },
  }),
});

/** Where the market reports codes; what it says of a muted number is taken and forgotten. */
const openReceiver = (ports: () => Ports, muted: ReadonlySet<string>): Promise<TestServer> => {
  return startTestServer((request, response) => {
    void (async () => {
      const body = await bodyOf(request);
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const provider = request.url?.slice(1) ?? '';
      const push = { provider, secret: pushSecret, headers, body };
      const about = ports().providers.pushReader(provider)?.read(body)?.activationId ?? '';
      if (!muted.has(about)) await receivePush(ports())(push);
      response.writeHead(204).end();
    })().catch(() => response.writeHead(500).end());
  });
};

const answerOf = async (work: Promise<VerificationView>): Promise<{ answer: Answer; id: string | undefined }> => {
  try {
    const { id, status, phoneNumber } = await work;
    return { answer: status === 'waiting' && phoneNumber !== '' ? 'number' : (status as Answer), id };
  } catch (error) {
    if (isAppError(error)) return { answer: error.code, id: undefined };
    throw error;
  }
};

const isTimeout = ({ kind, name }: Trouble): boolean => kind === 'fault' && (name === 'timeout' || name === 'timeout_after_buy');

/** How the market stands while the step is taken. */
const conditionOf = (trouble: Trouble, serviceCode: string, cancelAction: string): object => {
  if (trouble.kind === 'outage') return { outage: trouble.name };
  if (trouble.kind !== 'condition') return {};
  switch (trouble.name) {
    case 'price_moved':
      return { costs: { [serviceCode]: '99.00' } };
    case 'sold_out':
      return { stock: { [serviceCode]: 0 } };
    case 'balance_spent':
      return { balance: '0.00' };
    case 'early_cancel_denied':
      return { earlyCancelMs: 120_000 };
    case 'classic_code_during_cancel':
      return { errorStyle: 'classic', nextFaultsOf: { [cancelAction]: ['code_during_cancel'] } };
    case 'slow':
      return { latencyMs: 60 };
  }
};
const usual = {
  ...{ outage: null, costs: null, stock: null, balance: null, earlyCancelMs: null, errorStyle: null, latencyMs: null },
  ...{ nextFaults: null, nextFaultsOf: null, nextCodes: null },
};

export const openWorld = async (): Promise<World> => {
  const here = await openHarness();
  const muted = new Set<string>();
  let ports: Ports = here.ports;
  const receiver = await openReceiver(() => ports, muted);
  const closing: (() => unknown)[] = [];
  const simulator: TestSimulator = await startSimulator(
    { after: (close) => void closing.push(close as () => unknown) },
    {
      clock: here.clock,
      pushUrl: `${receiver.url}/handler-api`,
      textVerifiedWebhook: { url: `${receiver.url}/textverified`, secret: webhookSecret },
    },
  );
  const patient = openProviders(simulator.url, here, patientMs);
  const hasty = openProviders(simulator.url, here, hastyMs);
  const pushes = [createHandlerApiPush({ secret: pushSecret }), createTextVerifiedPush({ secret: pushSecret, webhookSecret })];
  const change = (handlerApi: object) => simulator.settings({ handlerApi });
  await change({ codeDelayMinMs: codeAfterMs, codeDelayMaxMs: codeAfterMs });

  /** Those in `order` sell, the first one first; `quick`: whose next call of that kind is made with little patience. */
  const portsFor = (
    order: readonly Adapter[],
    quick?: { adapter: Adapter; method: 'acquire' | 'listActive' | 'status' | 'cancel' },
  ): Ports => {
    const sellers = order.map((name) => ({ name, sells: () => true }));
    const observer = { refused: () => {}, circuit: () => {}, decided: () => {} };
    const planner = createPlanner({ sellers, clock: here.clock, halfLifeMs: testHalfLifeMs, attempts: 3, observer });
    // Who is asked first is the test's to say.
    const decide: Routes['decide'] = (wish) => ({ ...planner.decide(wish), order });
    const named = (name: string): NumberProvider => {
      const adapter = adapters.find((one) => one === name) ?? assert.fail(`no provider ${name}`);
      return quick?.adapter === adapter ? { ...patient[adapter], [quick.method]: hasty[adapter][quick.method] } : patient[adapter];
    };
    return {
      ...here.ports,
      routes: { ...planner, decide },
      providers: { named, pushReader: (name) => pushes.find(({ provider }) => provider === name) },
      // As in production, time for a second code; the tests of the use cases finish at once.
      timing: { ...here.ports.timing, finishDelayMs: 60 * secondMs },
    };
  };
  ports = portsFor(adapters);
  const claims = {
    settlements: createSettlementStore(here.db),
    providers: ports.providers,
    observer: { settled: () => {}, open: () => {}, failedStep: (_: unknown, error: unknown) => void here.failedSteps.push(error) },
    clock: here.clock,
    timing: claimTiming,
  };

  const newestActivations: World['newestActivations'] = async (limit) =>
    (await simulator.get<{ data: ActivationRecord[] }>(`/control/activations?limit=${limit}`)).data;
  const requestOf = ({ tenantId, key }: { tenantId: string; key: string }, nth: number) =>
    here.request({
      tenantId,
      idempotencyKey: key,
      country: 'US',
      service: services[nth % services.length]?.code ?? assert.fail(),
    });

  const act: World['act'] = async (trouble, nth, adapter, path) => {
    const identity = { tenantId: newId(), key: newId() };
    const request = requestOf(identity, nth);
    const serviceCode = catalogue.service(request.service)?.providerCodes[namesOf[adapter]] ?? '';
    const quick = isTimeout(trouble) ? { adapter, method: methodOf[path] } : undefined;
    // Its token is fetched now: a purchase whose sign-in times out has never been sent.
    if (quick !== undefined) await eventually(async () => assert.equal((await hasty[adapter].status('0')).kind, 'absent'));
    const order = path === 'second provider' ? [adapter, standIn[adapter]] : [adapter];
    const [well, struck] = [portsFor(order), portsFor(order, quick)];
    const [newest] = await newestActivations(1);
    const ill = conditionOf(trouble, serviceCode, actions[adapter].cancel);
    const fate = trouble.kind === 'fate' ? { nextCodes: [trouble.name] } : {};
    const fault = trouble.kind === 'fault' ? [trouble.name] : [];
    const buy = (by: Ports) => answerOf(createVerification(by)(request));

    let { answer, id }: { answer: Answer; id: string | undefined } = { answer: 'waiting', id: undefined };
    if (path === 'purchase' || path === 'second provider') {
      await change({ ...ill, ...fate, nextFaults: fault });
      ({ answer, id } = await buy(struck));
    } else if (path === 'find') {
      await change({ ...ill, ...fate, nextFaults: ['reset_after_buy'], nextFaultsOf: { [actions[adapter].find]: fault } });
      ({ answer, id } = await buy(struck));
    } else {
      // What is to be polled is not pushed.
      await change({ nextCodes: ['no_push'], ...fate });
      ({ answer, id } = await buy(well));
      assert.equal(answer, 'number', 'a number in a world that is well');
      const [activation = assert.fail()] = await newestActivations(1);
      if (path === 'poll') muted.add(activation.id);
      if (path === 'poll' && trouble.kind !== 'fate') await simulator.post(`/control/activations/${activation.id}/code`, {});
      await change({ nextFaultsOf: { [actions[adapter][path]]: fault }, ...ill });
      const of = { tenantId: identity.tenantId, id: id ?? '' };
      if (path === 'cancel') ({ answer } = await answerOf(cancelVerification(struck)(of)));
      else {
        await checkActivation(struck)((await here.ports.store.find(of.tenantId, of.id)) ?? assert.fail());
        answer = (await getVerification(struck)(of)).status as Answer;
      }
      if (answer === 'number') answer = 'waiting';
    }
    if (trouble.kind === 'fault') {
      const { handlerApi } = await simulator.get<{ handlerApi: { nextFaults: string[]; nextFaultsOf: Record<string, string[]> } }>(
        '/control/settings',
      );
      assert.deepEqual([handlerApi.nextFaults, ...Object.values(handlerApi.nextFaultsOf)].flat(), [], 'the request met its fault');
    }
    await change(usual);
    const since = BigInt(newest?.id ?? 0);
    const activationIds = (await newestActivations(5)).map((one) => one.id).filter((one) => BigInt(one) > since);
    const row = await here.ports.store.findByKey(identity.tenantId, identity.key);
    return { trouble, adapter, path, answer, ...identity, id: row?.id ?? id ?? '', activationIds };
  };

  /** What the market planned for now has happened, and what it pushes has arrived. */
  const marketIsQuiet = () =>
    eventually(
      async () => {
        const { nextDueInMs, outgoingWaiting } = await simulator.get<{ nextDueInMs: number | null; outgoingWaiting: number }>(
          '/control/statistics',
        );
        assert.ok((nextDueInMs === null || nextDueInMs > 0) && outgoingWaiting === 0);
      },
      { timeoutMs: 30_000 },
    );

  const settle: World['settle'] = async () => {
    for (const seconds of stepsSeconds) {
      here.clock.advance(seconds * secondMs);
      await marketIsQuiet();
      for (let turn = 0; turn < 50; turn++) if ((await workDue(ports)({ limit: 64, leaseMs: 45_000 })) === 0) break;
      await houseKeep(ports)();
      for (let turn = 0; turn < 50; turn++) if ((await recoupDue(claims)({ limit: 64, leaseMs: 45_000 })) === 0) break;
    }
  };

  return {
    here,
    act,
    settle,
    newestActivations,
    activation: (id) => simulator.get<ActivationRecord>(`/control/activations/${id}`),
    again: async (meeting, nth) => (await answerOf(createVerification(portsFor([meeting.adapter]))(requestOf(meeting, nth)))).answer,
    view: ({ tenantId, id }) => getVerification(ports)({ tenantId, id }),
    close: async () => {
      await Promise.all([...Object.values(patient), ...Object.values(hasty)].map((provider) => provider.close()));
      for (const close of closing) await close();
      await receiver.close();
      await here.close();
    },
  };
};
