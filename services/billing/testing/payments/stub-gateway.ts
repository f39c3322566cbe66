import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyOf, startTestServer } from '#platform/testing/index.ts';

interface StubPayment {
  readonly id: string;
  readonly reference: string;
  readonly amount: string;
  readonly currency: string;
  status: 'pending' | 'succeeded' | 'failed';
  readonly checkoutUrl: string;
  readonly webhookUrl: string;
  readonly returnUrl: string;
}

/** What the next answers shall be, instead of the right ones. */
export type Fault = 'none' | 'slow' | 'error' | 'garbage' | 'drop' | 'refuse' | 'done-then-drop';

/** A payment gateway over HTTP that keeps to the simulator's contract, with faults on demand. */
export const startStubGateway = async (secret: string) => {
  const payments = new Map<string, StubPayment>();
  const state = { fault: 'none' as Fault };
  const calls: { readonly method: string; readonly authorization: string; readonly key: string }[] = [];

  const answer = (response: ServerResponse, status: number, json: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
  };
  const shown = ({ webhookUrl: _webhook, returnUrl: _return, ...rest }: StubPayment) => rest;
  const create = async (request: IncomingMessage): Promise<StubPayment> => {
    const sent = await bodyOf(request);
    const key = String(request.headers['idempotency-key']);
    const before = payments.get(key);
    if (before !== undefined) return before;
    const id = randomUUID();
    const payment: StubPayment = {
      ...JSON.parse(sent.toString()),
      id,
      status: 'pending',
      checkoutUrl: `https://pay.test/${id}`,
    };
    payments.set(key, payment);
    return payment;
  };

  const { url, close } = await startTestServer((request, response) => {
    void (async () => {
      const { authorization = '', 'idempotency-key': key = '' } = request.headers;
      calls.push({ method: request.method ?? '', authorization, key: String(key) });
      if (state.fault === 'slow') return;
      if (state.fault === 'drop') return void request.socket.destroy();
      if (state.fault === 'error') return answer(response, 500, {});
      if (state.fault === 'refuse') return answer(response, 422, {});
      if (state.fault === 'garbage') return void response.writeHead(200).end('<html>');
      if (authorization !== `Bearer ${secret}`) return answer(response, 401, {});
      if (request.method === 'POST') {
        const payment = await create(request);
        if (state.fault === 'done-then-drop') return void request.socket.destroy();
        return answer(response, 201, shown(payment));
      }
      const reference = new URL(request.url ?? '', 'http://stub').searchParams.get('reference');
      answer(response, 200, { data: [...payments.values()].filter((payment) => payment.reference === reference).map(shown) });
    })();
  });
  return {
    url,
    close,
    payments,
    calls,
    set fault(fault: Fault) {
      state.fault = fault;
    },
  };
};
