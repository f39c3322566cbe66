import { addMs, type Clock, minuteMs } from '#platform/time/index.ts';
import type { ActiveOutcome, CancelOutcome, FinishOutcome, AnotherOutcome, NumberProvider, ProviderMessage } from '../app/ports.ts';

interface Rented {
  readonly id: string;
  readonly service: string;
  readonly country: string;
  readonly phoneNumber: string;
  readonly orderId: string;
  readonly startedAt: Date;
  readonly expiresAt: Date;
  state: 'waiting' | 'received' | 'retry' | 'finished' | 'cancelled';
  reported: boolean;
  message: ProviderMessage | undefined;
}

export type Operation = 'acquire' | 'status' | 'cancel' | 'finish' | 'requestAnother' | 'report' | 'listActive';
/** before: the answer "unknown", nothing happened. after: it happened, the answer got lost. */
export type Spoil = 'before' | 'after';

export interface FakeProvider extends NumberProvider {
  cancelAfterMs: number;
  readonly rented: readonly Rented[];
  /** Spoils the next call of this kind. */
  spoil(operation: Operation, how: Spoil): void;
  /** Forgets what is to be spoilt or refused. */
  heal(): void;
  refuse(reason: 'no_numbers' | 'price' | 'not_offered' | 'account' | 'unreachable'): void;
  /** An SMS reaches the number; `receivedAt`: as the provider's clock has it. */
  deliver(activationId: string, text: string, code?: string, receivedAt?: Date): ProviderMessage;
  /** No cancellation in the first milliseconds. */
  earlyCancelMs: number;
  calls: Record<Operation, number>;
  /** Runs in the middle of a call, before its effect. */
  during: Partial<Record<Operation, () => Promise<void>>>;
  /** Repeat order ids in the list, as some providers do. */
  namesOrders: boolean;
}

/** No two providers of a test have the same number: one that was sold is not sold again. */
let lastNumber = 0;

/** A provider in memory that behaves like the real ones, and fails when told to. */
export const createFakeProvider = (clock: Clock, name = 'handler-api'): FakeProvider => {
  const rented: Rented[] = [];
  const spoilt = new Map<Operation, Spoil[]>();
  const refusals: Parameters<FakeProvider['refuse']>[0][] = [];
  let lastId = 1_000;
  const byId = (id: string): Rented | undefined => rented.find((row) => row.id === id);

  const perform = async <T>(operation: Operation, act: () => T): Promise<T | { kind: 'unknown'; detail: string }> => {
    fake.calls[operation] += 1;
    await fake.during[operation]?.();
    const how = spoilt.get(operation)?.shift();
    if (how === 'before') return { kind: 'unknown', detail: 'spoilt before' };
    const answer = act();
    return how === 'after' ? { kind: 'unknown', detail: 'spoilt after' } : answer;
  };

  const giveBack = (id: string): CancelOutcome => {
    const row = byId(id);
    if (!row) return { kind: 'absent' };
    if (row.message) return { kind: 'code', message: row.message };
    if (clock.now() < addMs(row.startedAt, fake.earlyCancelMs)) return { kind: 'early', retryAfterMs: undefined };
    row.state = 'cancelled';
    return { kind: 'cancelled' };
  };

  const fake: FakeProvider = {
    name,
    cancelAfterMs: 0,
    rented,
    earlyCancelMs: 0,
    calls: { acquire: 0, status: 0, cancel: 0, finish: 0, requestAnother: 0, report: 0, listActive: 0 },
    during: {},
    namesOrders: false,
    spoil: (operation, how) => void spoilt.set(operation, [...(spoilt.get(operation) ?? []), how]),
    heal: () => {
      spoilt.clear();
      refusals.length = 0;
    },
    refuse: (reason) => void refusals.push(reason),
    deliver: (activationId, text, code, receivedAt = clock.now()) => {
      const row = byId(activationId);
      if (!row) throw new Error(`the fake has no activation ${activationId}`);
      const message: ProviderMessage = { text, code, sender: '', receivedAt };
      if (row.state === 'waiting' || row.state === 'received' || row.state === 'retry') {
        row.state = 'received';
        row.message = message;
      }
      return message;
    },
    acquire: ({ orderId, service, country }) =>
      perform('acquire', () => {
        const reason = refusals.shift();
        if (reason) return { kind: 'refused', reason, detail: reason } as const;
        if (rented.some((row) => row.orderId === orderId)) return { kind: 'unknown', detail: 'ORDER_ALREADY_EXISTS' } as const;
        const startedAt = clock.now();
        const id = String((lastId += 1));
        const row: Rented = {
          ...{ id, orderId, service: service.code, country: country.code, startedAt, expiresAt: addMs(startedAt, 20 * minuteMs) },
          ...{ phoneNumber: `+62812${String((lastNumber += 1)).padStart(8, '0')}`, state: 'waiting', reported: false, message: undefined },
        };
        rented.push(row);
        return { kind: 'granted', activationId: id, phoneNumber: row.phoneNumber, costMicros: 200_000n, expiresAt: row.expiresAt } as const;
      }),
    status: (id) =>
      perform('status', () => {
        const row = byId(id);
        if (!row) return { kind: 'absent' } as const;
        if (row.state === 'cancelled') return { kind: 'cancelled' } as const;
        if (row.state === 'retry') return { kind: 'waiting' } as const;
        return row.message ? ({ kind: 'code', message: row.message } as const) : ({ kind: 'waiting' } as const);
      }),
    cancel: (id) => perform('cancel', () => giveBack(id)),
    report: (id) =>
      perform('report', () => {
        const answer = giveBack(id);
        const row = byId(id);
        if (row && answer.kind === 'cancelled') row.reported = true;
        return answer;
      }),
    requestAnother: (id) =>
      perform('requestAnother', (): AnotherOutcome => {
        const row = byId(id);
        if (row?.state !== 'received' && row?.state !== 'retry') return { kind: 'refused', detail: row?.state ?? 'absent' };
        row.state = 'retry';
        return { kind: 'asked', activationId: undefined };
      }),
    finish: (id) =>
      perform('finish', (): FinishOutcome => {
        const row = byId(id);
        if (row?.state === 'received' || row?.state === 'retry') row.state = 'finished';
        return { kind: 'done' };
      }),
    listActive: () =>
      perform('listActive', (): ActiveOutcome => ({
        kind: 'listed',
        activations: rented
          .filter((row) => row.state === 'waiting' || row.state === 'received' || row.state === 'retry')
          .map((row) => ({
            ...{ activationId: row.id, service: row.service, country: row.country, phoneNumber: row.phoneNumber, costMicros: 200_000n },
            ...{ startedAt: row.startedAt, expiresAt: row.expiresAt, orderId: fake.namesOrders ? row.orderId : undefined },
          })),
      })),
  };
  return fake;
};
