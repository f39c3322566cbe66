import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { newId, toTypeId } from '#platform/ids/index.ts';
import { dayMs } from '#platform/time/index.ts';
import { errorOf, judge, maxTries, retryAt, type SendResult } from './delivery.ts';
import { endpointLimit, endpointProblems, urlProblem } from './endpoint.ts';
import {
  bodyOf,
  completeBody,
  eventTypes,
  filtersOf,
  isFilter,
  maskedBody,
  type ReceivedMessage,
  subjectOf,
  testType,
} from './event-types.ts';

const strict = { allowHttpLoopback: false };

describe('addresses of endpoints', () => {
  it('https with a host is taken, on its port or an unprivileged one', () => {
    for (const url of ['https://example.com/hook?x=1', 'https://example.com:443/', 'https://example.com:8443/a', 'https://müller.example/'])
      assert.equal(urlProblem(url, strict), undefined, url);
  });
  it('everything else is refused with a reason', () => {
    for (const [url, reason] of [
      ['http://example.com/', /https/],
      ['ftp://example.com/', /https/],
      ['https://user:pass@example.com/', /user name/],
      ['https://example.com/#x', /fragment/],
      ['https://example.com:25/', /port/],
      ['https://example.com:80/', /port/],
      ['nonsense', /not a URL/],
      [`https://example.com/${'a'.repeat(2_048)}`, /2048/],
    ] as const)
      assert.match(urlProblem(url, strict) ?? '', reason, url);
  });
  it('http to this machine is for development only', () => {
    for (const url of ['http://127.0.0.1:8070/x', 'http://localhost:1/', 'http://[::1]:1/']) {
      assert.equal(urlProblem(url, { allowHttpLoopback: true }), undefined);
      assert.match(urlProblem(url, strict) ?? '', /https/);
    }
    assert.match(urlProblem('http://10.0.0.1/', { allowHttpLoopback: true }) ?? '', /https/);
  });
  it('problems name their field; what is absent is not judged', () => {
    assert.deepEqual(endpointProblems({}, strict), []);
    const problems = endpointProblems({ url: 'x', description: 'd'.repeat(201), eventTypes: ['payment.*', 'nope.*'] }, strict);
    assert.deepEqual(
      problems.map(({ field }) => field),
      ['url', 'description', 'eventTypes[1]'],
    );
    assert.equal(endpointProblems({ eventTypes: [] }, strict).length, 1);
    assert.equal(endpointProblems({ eventTypes: Array<string>(51).fill('*') }, strict).length, 1);
  });
  it('plans', () => assert.deepEqual(['starter', 'pro', 'enterprise', 'constructor', ''].map(endpointLimit), [0, 5, 20, 0, 0]));
});

describe('event types', () => {
  it('follow Standard Webhooks, occur once, and every filter matches something', () => {
    for (const { type } of eventTypes) assert.match(type, /^[a-z_]+\.[a-z_]+$/);
    assert.equal(new Set(eventTypes.map(({ type }) => type)).size, eventTypes.length);
    for (const { type } of eventTypes.filter((each) => each.type !== testType))
      for (const filter of filtersOf(type)) assert.ok(isFilter(filter), filter);
    for (const filter of ['', '**', 'verification', 'verification.', 'rentals.*', testType, '*.completed'])
      assert.ok(!isFilter(filter), filter);
  });
  it('a body says what, when and in which order, with ids of the edge', () => {
    const eventId = newId();
    const occurredAt = new Date('2026-11-21T08:00:00Z');
    const body = JSON.parse(
      bodyOf({ eventId, tenantId: newId(), type: 'spending.resumed', occurredAt, sequence: 7, data: { source: 'x' } }),
    );
    assert.match(body.id, /^evt_[0-9a-z]{26}$/);
    assert.deepEqual(
      { ...body, id: '' },
      { id: '', type: 'spending.resumed', version: 1, timestamp: '2026-11-21T08:00:00.000Z', sequence: 7, data: { source: 'x' } },
    );
  });
});

describe('details', () => {
  const verificationId = newId();
  const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));
  const outline = (type: string, occurredAt = at(10)): string =>
    bodyOf({
      ...{ eventId: newId(), tenantId: newId(), type, occurredAt, sequence: 1 },
      data: { verificationId: toTypeId('verification', verificationId), service: 'x' },
    });
  const message = (code: string, seconds: number): ReceivedMessage => ({
    code,
    text: `text ${code}`,
    sender: 'Shop',
    receivedAt: at(seconds),
  });
  const codeOf = (messages: readonly ReceivedMessage[]): string | null =>
    JSON.parse(completeBody(outline('verification.code_received'), { phoneNumber: '+1', messages })).data.code;

  it('name the verification, and change nothing that was there', () => {
    const before = outline('verification.created');
    assert.deepEqual(subjectOf(before), { kind: 'verification', id: verificationId });
    const after = JSON.parse(completeBody(before, { phoneNumber: '+62', messages: [message('1', 1)] }));
    const { data, ...rest } = JSON.parse(before);
    assert.deepEqual(after, { ...rest, data: { ...data, phoneNumber: '+62' } }, 'no code where none was received');
    assert.throws(() => subjectOf('{"data":{}}'));
  });
  it('the code is that of the event, not one that came later', () => {
    assert.equal(codeOf([message('a', 5), message('b', 10), message('c', 11)]), 'b');
    assert.equal(codeOf([message('late', 11)]), 'late', 'clocks of two machines differ');
    assert.equal(codeOf([message('', 5)]), null, 'a text without a code');
    assert.equal(codeOf([]), null);
  });
  it('every field of the example is there, also when nobody knows', () => {
    const example = eventTypes.find(({ type }) => type === 'verification.code_received')?.example ?? {};
    const { data } = JSON.parse(completeBody(outline('verification.code_received'), undefined));
    for (const name of ['phoneNumber', 'code', 'text', 'sender', 'receivedAt']) assert.ok(name in example && data[name] === null, name);
  });
  it('of a message to a rented number: text and sender, no code, and which message it is', () => {
    const [rentalId, messageId] = [newId(), newId()];
    const told = (type: string, data: Record<string, string>): string =>
      bodyOf({
        ...{ eventId: newId(), tenantId: newId(), type, occurredAt: at(10), sequence: 1 },
        data: { rentalId: toTypeId('rental', rentalId), ...data },
      });
    const received = told('rental.message_received', { messageId: toTypeId('message', messageId) });
    assert.deepEqual(subjectOf(received), { kind: 'rental', id: rentalId, messageId });
    const { data } = JSON.parse(completeBody(received, { phoneNumber: '+62', messages: [{ ...message('', 12), text: 'Hello' }] }));
    assert.deepEqual([data.phoneNumber, data.text, data.sender, 'code' in data], ['+62', 'Hello', 'Shop', false]);
    assert.doesNotMatch(maskedBody(JSON.stringify({ data })), /Hello|Shop|\+62/);
    const started = told('rental.started', {});
    assert.deepEqual(subjectOf(started), { kind: 'rental', id: rentalId, messageId: undefined });
    assert.deepEqual(JSON.parse(completeBody(started, { phoneNumber: '+62', messages: [] })).data, {
      ...JSON.parse(started).data,
      phoneNumber: '+62',
    });
  });
  it('are hidden from the log, all else is not', () => {
    const body = completeBody(outline('verification.code_received'), { phoneNumber: '+628123', messages: [message('4711', 1)] });
    const masked = maskedBody(body);
    assert.doesNotMatch(masked, /4711|628123|Shop/);
    const [shown, sent] = [JSON.parse(masked), JSON.parse(body)];
    assert.deepEqual({ ...shown, data: 0 }, { ...sent, data: 0 });
    assert.deepEqual([shown.data.verificationId, shown.data.code], [sent.data.verificationId, '***']);
    const plain = outline('verification.completed');
    assert.equal(maskedBody(plain), plain);
  });
});

describe('attempts', () => {
  const now = new Date(0);
  it('pauses grow, are at most a fifth longer than planned, and end after about three days', () => {
    const pauses = Array.from({ length: maxTries - 1 }, (_, index) => retryAt(now, index + 1, 0)?.getTime() ?? assert.fail());
    assert.deepEqual(
      pauses,
      pauses.toSorted((a, b) => a - b),
    );
    const days = pauses.reduce((sum, pause) => sum + pause, 0) / dayMs;
    assert.ok(days > 3 && days < 3.5, `${days} days`);
    assert.equal(retryAt(now, maxTries, 0), undefined);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: maxTries - 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (tries, chance) => {
        const [plain = 0, jittered = 0] = [retryAt(now, tries, 0)?.getTime(), retryAt(now, tries, chance)?.getTime()];
        assert.ok(jittered >= plain && jittered <= plain * 1.2 + 1);
      }),
    );
  });
  it('every answer has exactly one verdict, and only 2xx is success', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), (status) => {
        const result: SendResult = { outcome: 'answered', status, answer: '', latencyMs: 1 };
        const expected = status >= 200 && status <= 299 ? 'delivered' : status === 410 ? 'gone' : 'failed';
        assert.equal(judge(result), expected);
        assert.equal(errorOf(result) === '', expected === 'delivered');
      }),
    );
    assert.match(errorOf({ outcome: 'answered', status: 302, answer: '', latencyMs: 1 }), /redirects/);
    assert.equal(judge({ outcome: 'unanswered', reason: 'address', latencyMs: 1 }), 'failed');
  });
});
