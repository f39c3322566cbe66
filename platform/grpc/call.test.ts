import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Metadata } from '@grpc/grpc-js';
import { appError, type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { continueTrace, activeTraceId } from '#platform/telemetry/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { hold, ledgerClient, otherKey, principal, ways } from './testing/ledger.ts';
import { systemPrincipal } from './index.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const code = (expected: string) => (error: unknown) => isAppError(error) && error.code === expected;

for (const { way, start: startLedger } of ways) {
  test(`${way}: a call carries request, principal, request id and answer`, async () => {
    const ledger = await startLedger({
      getHold: (id, call) => hold(id, `${call.principal?.subject} ${call.principal?.plan} ${call.requestId}`),
    });
    try {
      const { hold: answer } = await ledger.client.getHold({ holdId: 'h1' }, { principal: principal(), requestId: 'req-1' });
      assert.equal(answer?.id, 'h1');
      assert.equal(answer?.reference, 'user:0192d3a0-0000-7000-8000-000000000002 free req-1');
      const exposed = (await ledger.metrics.expose()).body;
      assert.match(
        exposed,
        /rpc_server_duration_seconds_count\{service="namaskah.billing.v1.LedgerService",method="GetHold",code="OK"\} 1/,
      );
      assert.match(exposed, /rpc_client_duration_seconds_count\{[^}]*code="OK"\} 1/);
    } finally {
      await ledger.close();
    }
  });

  test(`${way}: an AppError arrives as the same AppError; anything else as platform.internal, its text stays at the server`, async () => {
    const ledger = await startLedger({
      getHold: (id) => {
        if (id === 'secret') throw new Error('relation "wallets" does not exist');
        throw appError('billing.insufficient_credit', {
          message: 'Zu wenig Guthaben – 0,10 $',
          meta: { available: '0.10' },
          fields: [{ field: 'amount', reason: 'is too large' }],
          retryAfterMs: 1_500,
          cause: new Error('internal reason'),
        });
      },
    });
    try {
      await assert.rejects(ledger.client.getHold({ holdId: 'poor' }, { principal: principal() }), (error) => {
        assert.ok(isAppError(error, 'billing.insufficient_credit'));
        assert.equal(error.message, 'Zu wenig Guthaben – 0,10 $');
        assert.deepEqual({ ...error.meta }, { available: '0.10' });
        assert.deepEqual(
          error.fields.map((field) => ({ ...field })),
          [{ field: 'amount', reason: 'is too large' }],
        );
        assert.equal(error.retryAfterMs, 1_500);
        return true;
      });
      await assert.rejects(ledger.client.getHold({ holdId: 'secret' }, { principal: principal() }), (error) => {
        assert.ok(isAppError(error, 'platform.internal'));
        assert.doesNotMatch(JSON.stringify(error) + error.message + String(error.cause), /wallets/);
        return true;
      });
      const logged = ledger.lines.find((line) => line['level'] === 'error');
      assert.match(JSON.stringify(logged), /relation .*wallets/);
      assert.equal(logged?.['code'], 'platform.internal');
    } finally {
      await ledger.close();
    }
  });

  test(`${way}: a call without principal, with a forged one or with the wrong role is refused; a public method needs none`, async () => {
    const ledger = await startLedger({ getHold: (id, call) => hold(id, call.principal?.subject ?? 'nobody') });
    const forger = ledgerClient(ledger.server.port, { principalKey: otherKey });
    try {
      await assert.rejects(ledger.client.getHold({ holdId: 'h' }), code('auth.unauthenticated'));
      await assert.rejects(forger.getHold({ holdId: 'h' }, { principal: principal() }), code('auth.unauthenticated'));
      await assert.rejects(
        forger.releaseHold({ idempotencyKey: '', holdId: 'h' }, { principal: principal() }),
        code('auth.unauthenticated'),
      );
      await assert.rejects(ledger.client.getHold({ holdId: 'h' }, { principal: principal({ roles: ['viewer'] }) }), code('auth.forbidden'));
      const { hold: open } = await ledger.client.releaseHold({ idempotencyKey: '', holdId: 'h' });
      assert.equal(open?.reference, 'nobody');
      const { transferId } = await ledger.client.grantCredit(
        { idempotencyKey: '', tenantId: '', amount: undefined, reason: '' },
        { principal: systemPrincipal('verification', 't') },
      );
      assert.equal(transferId, 'service:verification');
    } finally {
      await forger.close();
      await ledger.close();
    }
  });

  test(`${way}: the server answers before the caller gives up, and tells the handler by its signal`, async () => {
    let aborted: unknown;
    const ledger = await startLedger({
      getHold: (_id, call) => {
        call.signal.addEventListener('abort', () => (aborted = call.signal.reason));
        return never();
      },
    });
    const attempt = async (): Promise<void> => {
      const deadline = new Date(Date.now() + 300);
      await assert.rejects(ledger.client.getHold({ holdId: 'h' }, { principal: principal(), deadline }), (error) => {
        assert.ok(isAppError(error, 'platform.deadline_exceeded'));
        // The server's own answer carries details; grpc-js's time-out at the client would not.
        const { metadata } = error.cause as { metadata: Metadata };
        assert.equal(metadata.get('grpc-status-details-bin').length, 1);
        return true;
      });
      assert.ok(Date.now() <= deadline.getTime(), 'in time');
    };
    try {
      // The answer has the shaved 20 ms to travel: on a busy machine, or over a connection being opened, that may not do at once.
      await eventually(attempt, { timeoutMs: 10_000 });
      assert.ok(isAppError(aborted, 'platform.deadline_exceeded'));
    } finally {
      await ledger.close();
    }
  });

  test(`${way}: a caller that goes away aborts the handler`, async () => {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<unknown>();
    const ledger = await startLedger({
      getHold: (_id, call) => {
        call.signal.addEventListener('abort', () => ended.resolve(call.signal.reason));
        begun.resolve();
        return never();
      },
    });
    try {
      const controller = new AbortController();
      const call = ledger.client.getHold({ holdId: 'h' }, { principal: principal(), signal: controller.signal });
      await begun.promise;
      controller.abort();
      await assert.rejects(call, code('request.cancelled'));
      assert.ok(isAppError(await ended.promise, 'request.cancelled'));
      await assert.rejects(
        ledger.client.getHold({ holdId: 'h' }, { principal: principal(), signal: controller.signal }),
        code('request.cancelled'),
      );
    } finally {
      await ledger.close();
    }
  });

  test(`${way}: the budget travels: each hop has at least 20 ms less, work with less than 10 ms is not begun`, async () => {
    const deadlines: number[] = [];
    const inner = await startLedger({ getHold: (id, call) => (deadlines.push(call.deadline.getTime()), hold(id, call.requestId)) });
    const outer = await startLedger({
      getHold: async (id, call) => {
        deadlines.push(call.deadline.getTime());
        // Neither deadline nor request id is named: both come from the call being served.
        const { hold: answer } = await inner.client.getHold({ holdId: id }, { principal: principal() });
        return hold(id, answer?.reference);
      },
    });
    const shaved = async (): Promise<void> => {
      deadlines.length = 0;
      const deadline = new Date(Date.now() + 2_000);
      const { hold: answer } = await outer.client.getHold({ holdId: 'h' }, { principal: principal(), deadline, requestId: 'req-7' });
      assert.equal(answer?.reference, 'req-7');
      const [first = 0, second = 0] = deadlines;
      assert.ok(first <= deadline.getTime() - 15, `first hop: ${deadline.getTime() - first} ms shaved`);
      assert.ok(second <= first - 15, `second hop: ${first - second} ms shaved`);
    };
    try {
      // What is sent is the time that is left: what a busy machine takes on the way is added by it.
      await eventually(shaved);
      await assert.rejects(
        outer.client.getHold({ holdId: 'h' }, { principal: principal(), deadline: new Date(Date.now() + 5) }),
        code('platform.deadline_exceeded'),
      );
      await assert.rejects(
        outer.client.getHold({ holdId: 'h' }, { principal: principal(), deadline: new Date(Date.now() + 25) }),
        code('platform.deadline_exceeded'),
      );
      assert.equal(deadlines.length, 2, 'refused calls did not reach a handler');
    } finally {
      await outer.close();
      await inner.close();
    }
  });

  test(`${way}: a repeatable call that is answered "unavailable" is tried thrice at most, any other answer stands`, async () => {
    const answers: ErrorCode[] = [];
    let handled = 0;
    const ledger = await startLedger({
      getHold: (id) => {
        handled += 1;
        const answer = answers.shift();
        if (answer !== undefined) throw appError(answer);
        return hold(id);
      },
    });
    const get = () => ledger.client.getHold({ holdId: 'h' }, { principal: principal() });
    try {
      answers.push('platform.unavailable', 'platform.unavailable');
      assert.equal((await get()).hold?.id, 'h');
      assert.equal(handled, 3);
      answers.push('platform.unavailable', 'platform.unavailable', 'platform.unavailable');
      await assert.rejects(get(), code('platform.unavailable'));
      assert.equal(handled, 6);
      answers.push('platform.overloaded');
      await assert.rejects(get(), code('platform.overloaded'));
      assert.equal(handled, 7);
    } finally {
      await ledger.close();
    }
  });

  test(`${way}: what a handler leaves running after its answer has its own budget`, async () => {
    const inner = await startLedger({ getHold: (id) => hold(id) });
    const late = Promise.withResolvers<string | undefined>();
    const outer = await startLedger({
      getHold: (id) => {
        void delay(1_200)
          .then(() => inner.client.getHold({ holdId: 'late' }, { principal: principal() }))
          .then((answer) => late.resolve(answer.hold?.id), late.reject);
        return hold(id);
      },
    });
    try {
      await outer.client.getHold({ holdId: 'h' }, { principal: principal(), deadline: new Date(Date.now() + 1_000) });
      assert.equal(await late.promise, 'late');
    } finally {
      await outer.close();
      await inner.close();
    }
  });

  test(`${way}: more calls at once than allowed are refused as overload, and only those`, async () => {
    const gate = Promise.withResolvers<void>();
    const ledger = await startLedger({ getHold: async (id) => (await gate.promise, hold(id)) }, { maxInFlight: 3 });
    try {
      const calls = Array.from({ length: 8 }, (_, index) => ledger.client.getHold({ holdId: String(index) }, { principal: principal() }));
      const settled = Promise.allSettled(calls);
      await eventually(async () => assert.match((await ledger.metrics.expose()).body, /code="platform.overloaded"\} 5/));
      gate.resolve();
      const results = await settled;
      assert.equal(results.filter((result) => result.status === 'fulfilled').length, 3);
      for (const result of results) if (result.status === 'rejected') assert.ok(isAppError(result.reason, 'platform.overloaded'));
      await ledger.client.getHold({ holdId: 'after' }, { principal: principal() });
    } finally {
      await ledger.close();
    }
  });

  test(`${way}: a handler that ignores its deadline still counts as load until it ends`, async () => {
    const gate = Promise.withResolvers<void>();
    const ledger = await startLedger({ getHold: async (id) => (await gate.promise, hold(id)) }, { maxInFlight: 1 });
    try {
      await assert.rejects(
        ledger.client.getHold({ holdId: 'a' }, { principal: principal(), deadline: new Date(Date.now() + 600) }),
        code('platform.deadline_exceeded'),
      );
      await assert.rejects(ledger.client.getHold({ holdId: 'b' }, { principal: principal() }), code('platform.overloaded'));
      gate.resolve();
      await eventually(() => ledger.client.getHold({ holdId: 'c' }, { principal: principal() }));
    } finally {
      await ledger.close();
    }
  });

  test(`${way}: the trace of the caller is the trace of the handler`, async () => {
    const ledger = await startLedger({ getHold: (id) => hold(id, activeTraceId()) });
    try {
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
      const { hold: answer } = await continueTrace({ traceparent: `00-${traceId}-00f067aa0ba902b7-00` }, () =>
        ledger.client.getHold({ holdId: 'h' }, { principal: principal() }),
      );
      assert.equal(answer?.reference, traceId);
      const { hold: fresh } = await ledger.client.getHold({ holdId: 'h' }, { principal: principal() });
      assert.match(fresh?.reference ?? '', /^[0-9a-f]{32}$/);
      assert.notEqual(fresh?.reference, traceId);
    } finally {
      await ledger.close();
    }
  });
}
