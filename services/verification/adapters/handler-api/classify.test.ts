import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classifyAcquire, classifyActive, classifyCancel, classifyFinish, classifyStatus } from './classify.ts';
import type { Answer } from './client.ts';

const answered = (status: number, body: string): Answer => ({ kind: 'answered', status, body });
const ok = (body: string): Answer => answered(200, body);
const json = (status: number, body: object): Answer => answered(status, JSON.stringify(body));
const html = (status: number): Answer => answered(status, `<!DOCTYPE html><html><body><h1>${status}</h1><hr>cloudflare</body></html>`);
const lost: Answer = { kind: 'lost', detail: 'ECONNRESET' };
const notSent: Answer = { kind: 'notSent', detail: 'ECONNREFUSED' };
const conflict = (title: string, info: object = {}): Answer => json(409, { title, details: 'x', info });

/** The line between "refused" and "unknown" is the line between releasing money and asking again. */
describe('a purchase answered by', () => {
  const v2 = {
    activationId: '635',
    phoneNumber: '6281234567',
    activationCost: 0.21,
    currency: 840,
    activationEndTime: '2026-11-21T04:00:00+00:00',
  };
  const rows: readonly [string, Answer, string][] = [
    ['JSON with a number', json(200, v2), 'granted'],
    ['JSON with a numeric id', json(200, { ...v2, activationId: 635 }), 'granted'],
    ['ACCESS_NUMBER', ok('ACCESS_NUMBER:635:6281234567'), 'granted'],
    ['NO_NUMBERS', ok('NO_NUMBERS'), 'refused no_numbers'],
    ['NO_NUMBERS as JSON error', json(404, { title: 'NO_NUMBERS', details: '', info: null }), 'refused no_numbers'],
    ['SIM_OFFLINE', ok('SIM_OFFLINE'), 'refused no_numbers'],
    ['WRONG_MAX_PRICE', ok('WRONG_MAX_PRICE:0.25'), 'refused price'],
    ['BAD_SERVICE', ok('BAD_SERVICE'), 'refused not_offered'],
    ['WRONG_COUNTRY', ok('WRONG_COUNTRY'), 'refused not_offered'],
    ['BAD_KEY', ok('BAD_KEY'), 'refused account'],
    ['BAD_KEY with 401', answered(401, 'BAD_KEY'), 'refused account'],
    ['NO_BALANCE', ok('NO_BALANCE'), 'refused account'],
    ['BANNED', ok("BANNED:'2027-01-01 00:00:00'"), 'refused account'],
    ['ACCOUNT_INACTIVE', ok('ACCOUNT_INACTIVE'), 'refused account'],
    ['CHANNELS_LIMIT', ok('CHANNELS_LIMIT'), 'refused account'],
    ['402 HTML', html(402), 'unknown'],
    ['403 HTML (Cloudflare 1020)', html(403), 'unknown'],
    ['429 HTML', html(429), 'unknown'],
    ['404 HTML', html(404), 'refused unreachable'],
    ['no connection', notSent, 'refused unreachable'],
    ['a lost answer', lost, 'unknown'],
    ['500', html(500), 'unknown'],
    ['502', html(502), 'unknown'],
    ['503', html(503), 'unknown'],
    ['408', html(408), 'unknown'],
    ['200 HTML', html(200), 'unknown'],
    ['nothing', ok(''), 'unknown'],
    ['garbage', ok('\u001f\u008b\u0008ACCESS_NUM\u0000BER:<br />'), 'unknown'],
    ['half a JSON', ok('{"activationId":"635","phoneNu'), 'unknown'],
    ['JSON without a number', json(200, { activationId: '635' }), 'unknown'],
    ['JSON with an unreadable number', json(200, { ...v2, phoneNumber: 'soon' }), 'unknown'],
    ['403 with JSON that we do not know', json(403, { odd: true }), 'unknown'],
    ['SERVER_ERROR', ok('SERVER_ERROR'), 'unknown'],
    ['ERROR_SQL', ok('ERROR_SQL'), 'unknown'],
    ['ORDER_ALREADY_EXISTS', ok('ORDER_ALREADY_EXISTS'), 'unknown'],
    ['a word of tomorrow', ok('NEW_KIND_OF_ANSWER'), 'unknown'],
  ];
  for (const [name, answer, expected] of rows)
    it(`${name} is ${expected}`, () => {
      const outcome = classifyAcquire(answer);
      assert.equal(outcome.kind === 'refused' ? `refused ${outcome.reason}` : outcome.kind, expected);
    });
  it('is read in full', () => {
    assert.deepEqual(classifyAcquire(json(200, v2)), {
      kind: 'granted',
      activationId: '635',
      phoneNumber: '+6281234567',
      costMicros: 210_000n,
      expiresAt: new Date('2026-11-21T04:00:00Z'),
    });
  });
});

describe('a status answered by', () => {
  const rows: readonly [Answer, string][] = [
    [ok('STATUS_WAIT_CODE'), 'waiting'],
    [ok('STATUS_WAIT_RESEND'), 'waiting'],
    [ok('STATUS_OK:482913'), 'code'],
    [ok('STATUS_OK:'), 'unknown'],
    // The code before, told already; it waits for another one.
    [ok('STATUS_WAIT_RETRY:482913'), 'waiting'],
    [ok('STATUS_CANCEL'), 'cancelled'],
    [ok('NO_ACTIVATION'), 'absent'],
    [json(200, { verificationType: 0, sms: null, call: null }), 'waiting'],
    [json(200, { verificationType: 0, sms: { dateTime: '2026-11-21 03:00:00', code: 482913, text: 'code 482913' } }), 'code'],
    [json(200, { anything: 1 }), 'unknown'],
    [conflict('ACTIVATION_NOT_ACTIVE'), 'finished'],
    [html(200), 'unknown'],
    [html(503), 'unknown'],
    [ok(''), 'unknown'],
    [lost, 'unknown'],
    [notSent, 'unknown'],
  ];
  for (const [answer, expected] of rows)
    it(`${answer.kind === 'answered' ? answer.body.slice(0, 40) || 'nothing' : answer.kind} is ${expected}`, () =>
      assert.equal(classifyStatus(answer).kind, expected));
});

describe('a cancellation answered by', () => {
  const rows: readonly [Answer, string][] = [
    [ok('ACCESS_CANCEL'), 'cancelled'],
    [ok('EARLY_CANCEL_DENIED'), 'early'],
    [conflict('EARLY_CANCEL_DENIED'), 'early'],
    [conflict('OTP_RECEIVED'), 'code'],
    [conflict('NEW_OTP_RECEIVED', { sms: { code: '1', text: 'code 1' } }), 'code'],
    [ok('BAD_STATUS'), 'ask'],
    [conflict('ACTIVATION_NOT_ACTIVE'), 'ask'],
    [ok('NO_ACTIVATION'), 'absent'],
    [ok('SERVER_ERROR'), 'unknown'],
    [html(403), 'unknown'],
    [html(200), 'unknown'],
    [lost, 'unknown'],
    [notSent, 'unknown'],
  ];
  for (const [answer, expected] of rows)
    it(`${answer.kind === 'answered' ? answer.body.slice(0, 40) : answer.kind} is ${expected}`, () =>
      assert.equal(classifyCancel(answer).kind, expected));
});

describe('the end and the list', () => {
  it('done, also when it was over already', () => {
    for (const body of ['ACCESS_ACTIVATION', 'BAD_STATUS', 'NO_ACTIVATION']) assert.equal(classifyFinish(ok(body)).kind, 'done');
    assert.equal(classifyFinish(conflict('ACTIVATION_NOT_ACTIVE')).kind, 'done');
    for (const answer of [html(500), ok(''), lost, notSent]) assert.equal(classifyFinish(answer).kind, 'unknown');
  });
  it('with one more message', () => {
    const outcome = classifyFinish(
      conflict('NEW_OTP_RECEIVED', { sms: { dateTime: '2026-11-21T03:00:00+00:00', code: '4411', text: 'code 4411' } }),
    );
    assert.deepEqual(outcome, {
      kind: 'message',
      message: { text: 'code 4411', code: '4411', sender: '', receivedAt: new Date('2026-11-21T03:00:00Z') },
    });
  });
  it('only a real list proves that something is absent', () => {
    assert.deepEqual(classifyActive(json(200, { status: 'success', data: [] })), []);
    assert.deepEqual(classifyActive(ok('NO_ACTIVATIONS')), []);
    for (const answer of [
      ok(''),
      ok('[]'),
      html(200),
      ok('SERVER_ERROR'),
      json(200, { status: 'success' }),
      json(200, { data: ['x'] }),
      json(503, { data: [] }),
      lost,
      notSent,
    ])
      assert.equal(classifyActive(answer), undefined);
  });
});
