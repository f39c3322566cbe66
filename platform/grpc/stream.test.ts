import assert from 'node:assert/strict';
import test from 'node:test';
import { createLogger } from '#platform/logging/index.ts';
import { appError, isAppError } from '#platform/errors/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { eventually } from '#platform/testing/index.ts';
import {
  type ExportTransactionsRequest,
  type ExportTransactionsResponse,
  WalletServiceClient,
  WalletServiceService,
} from '#proto/namaskah/billing/v1/billing.ts';
import { allow, allowAny, type CallContext, grpcClient, grpcService, method, startGrpcServer, streamMethod } from './index.ts';
import { key, principal } from './testing/ledger.ts';

type Chunks = (reference: string, call: CallContext) => AsyncIterable<ExportTransactionsResponse>;

const unused = method(allow('system'), () => {
  throw new Error('not part of these tests');
});

/** A wallet service whose export is `chunks`. */
const startWallet = async (chunks: Chunks) => {
  const metrics = createMetrics(metricTable);
  const service = grpcService(WalletServiceService, {
    getWallet: unused,
    listTransactions: unused,
    getTransaction: unused,
    exportTransactions: streamMethod(allowAny(), ({ filter }: ExportTransactionsRequest, call) => chunks(filter?.reference ?? '', call)),
  } as unknown as Parameters<typeof grpcService<typeof WalletServiceService>>[1]);
  const logger = createLogger({ service: 'wallet', level: 'silent' });
  const server = await startGrpcServer({ host: '127.0.0.1', port: 0, principalKey: key, logger, metrics, services: [service] });
  const client = grpcClient(WalletServiceClient, { address: `127.0.0.1:${server.port}`, principalKey: key, caller: 'test', metrics });
  return {
    metrics,
    read: (reference: string, options: Parameters<typeof client.exportTransactions>[1] = { principal: principal() }) =>
      client.exportTransactions(
        {
          filter: { type: '', product: '', from: undefined, to: undefined, minAmount: undefined, maxAmount: undefined, reference },
        },
        options,
      ),
    close: async () => {
      await client.close();
      await server.close();
    },
  };
};

const chunk = (id: string, description = ''): ExportTransactionsResponse => ({
  transactions: [
    {
      id,
      type: '',
      amount: undefined,
      balanceAfter: undefined,
      description,
      reference: '',
      createdAt: undefined,
      product: '',
      reversesId: '',
      actor: '',
    },
  ],
});
const idsOf = async (stream: AsyncIterable<ExportTransactionsResponse>): Promise<string[]> => {
  const ids: string[] = [];
  for await (const { transactions } of stream) ids.push(...transactions.map(({ id }) => id));
  return ids;
};

test('messages arrive in order, and the call is counted once', async () => {
  const wallet = await startWallet(async function* three(reference, call) {
    for (const id of ['1', '2', '3']) yield chunk(`${reference}${id} ${call.principal.subject}`);
  });
  try {
    assert.deepEqual(
      await idsOf(wallet.read('r')),
      ['1', '2', '3'].map((id) => `r${id} ${principal().subject}`),
    );
    assert.match((await wallet.metrics.expose()).body, /rpc_server_duration_seconds_count\{[^}]*"ExportTransactions",code="OK"\} 1/);
  } finally {
    await wallet.close();
  }
});

test('an error before or between messages arrives as the same error; strangers get none at all', async () => {
  let started = 0;
  const wallet = await startWallet(async function* failing(reference) {
    started += 1;
    if (reference === 'late') yield chunk('1');
    throw appError('request.invalid', { fields: [{ field: 'filter', reason: 'is odd' }] });
  });
  try {
    const seen: string[] = [];
    await assert.rejects(
      async () => {
        for await (const { transactions } of wallet.read('late')) seen.push(...transactions.map(({ id }) => id));
      },
      (error) => isAppError(error, 'request.invalid') && error.fields[0]?.field === 'filter',
    );
    assert.deepEqual(seen, ['1']);
    await assert.rejects(idsOf(wallet.read('at once')), (error) => isAppError(error, 'request.invalid'));
    const before = started;
    await assert.rejects(idsOf(wallet.read('x', {})), (error) => isAppError(error, 'auth.unauthenticated'));
    assert.equal(started, before, 'the handler was not asked');
  } finally {
    await wallet.close();
  }
});

test('nothing is made ahead of a slow reader, and a reader that leaves ends the work', async () => {
  let made = 0;
  let ended = false;
  const big = 'x'.repeat(64 * 1024);
  const wallet = await startWallet(async function* endless() {
    try {
      for (;;) yield chunk(String((made += 1)), big);
    } finally {
      ended = true;
    }
  });
  try {
    let taken = 0;
    for await (const { transactions } of wallet.read('')) {
      taken += transactions.length;
      if (taken === 1) {
        // The reader sleeps until the writer has stopped by itself: its buffers are full, not its memory.
        let last = -1;
        await eventually(
          async () => {
            const before = last;
            last = made;
            await new Promise((resolve) => setTimeout(resolve, 200));
            assert.ok(made > 0 && made === last && before === last, `${made} made`);
          },
          { timeoutMs: 20_000 },
        );
        assert.ok(made < 200, `${made} messages of 64 KiB were made for one that was read`);
      }
      if (taken === 20) break;
    }
    await eventually(async () => assert.ok(ended, 'the iterator was closed'));
  } finally {
    await wallet.close();
  }
});

test('the deadline ends a stream at both sides; so does the signal', async () => {
  let ended = 0;
  const wallet = await startWallet(async function* slow(_reference, { signal }) {
    try {
      yield chunk('1');
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    } finally {
      ended += 1;
    }
  });
  try {
    const deadline = new Date(Date.now() + 500);
    await assert.rejects(idsOf(wallet.read('', { principal: principal(), deadline })), (error) =>
      isAppError(error, 'platform.deadline_exceeded'),
    );
    await eventually(async () => assert.equal(ended, 1));
    const stop = new AbortController();
    await assert.rejects(
      async () => {
        for await (const _ of wallet.read('', { principal: principal(), signal: stop.signal })) stop.abort();
      },
      (error) => isAppError(error, 'request.cancelled'),
    );
    await eventually(async () => assert.equal(ended, 2));
  } finally {
    await wallet.close();
  }
});
