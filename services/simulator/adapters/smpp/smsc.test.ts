import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import smpp, { type OutgoingFields, type PDU, type Session } from 'smpp';
import { eventually } from '#platform/testing/index.ts';
import { startSimulator, testKeys, type TestSimulator } from '../../testing/start-simulator.ts';

interface Client {
  readonly session: Session;
  readonly delivered: PDU[];
  readonly closed: () => boolean;
  bind(mode?: 'bind_transceiver' | 'bind_receiver' | 'bind_transmitter', fields?: OutgoingFields): Promise<PDU>;
  submit(fields: OutgoingFields): Promise<PDU>;
}

/** @param answers false: deliver_sm is left without a response */
const open = async (t: TestContext, simulator: TestSimulator, answers: (nth: number) => boolean = () => true): Promise<Client> => {
  const delivered: PDU[] = [];
  let closed = false;
  const session = await new Promise<Session>((resolve) => {
    const connecting = smpp.connect({ host: '127.0.0.1', port: simulator.smppPort }, () => resolve(connecting));
    connecting.on('error', () => {});
  });
  session.on('close', () => {
    closed = true;
  });
  session.on('deliver_sm', (pdu: PDU) => {
    delivered.push(pdu);
    if (answers(delivered.length)) session.send(pdu.response());
  });
  t.after(() => session.destroy());
  return {
    session,
    delivered,
    closed: () => closed,
    bind: (mode = 'bind_transceiver', fields = {}) =>
      new Promise((resolve) => session[mode]({ system_id: testKeys.systemId, password: testKeys.password, ...fields }, resolve)),
    submit: (fields) =>
      new Promise((resolve) => session.submit_sm({ source_addr: 'NAMASKAH', destination_addr: '447700900123', ...fields }, resolve)),
  };
};

const bound = async (t: TestContext, simulator: TestSimulator, answers?: (nth: number) => boolean): Promise<Client> => {
  const client = await open(t, simulator, answers);
  assert.equal((await client.bind()).command_status, 0);
  return client;
};

const content = (pdu: PDU | undefined): string => String(pdu?.short_message?.message ?? '');
const soon = { smpp: { receiptDelayMinMs: 1, receiptDelayMaxMs: 5, redeliverAfterMs: 60_000 } };

interface Submissions {
  data: {
    messageIds: string[];
    from: string;
    to: string;
    text: string;
    encoding: string;
    parts: number;
    complete: boolean;
    receipts: string[];
  }[];
}

test('bind: wrong name, wrong password, twice, refused; nothing is taken before a bind', async (t) => {
  const simulator = await startSimulator(t);
  const client = await open(t, simulator);
  assert.equal((await client.submit({ short_message: 'too early' })).command_status, 0x04);
  assert.equal((await client.bind('bind_transceiver', { system_id: 'somebody' })).command_status, 0x0f);
  assert.equal((await client.bind('bind_transceiver', { password: 'wrong' })).command_status, 0x0e);
  await simulator.settings({ smpp: { outage: 'bind_refused' } });
  assert.equal((await client.bind()).command_status, 0x0d);
  await simulator.settings({ smpp: { outage: 'off' } });
  const response = await client.bind();
  assert.deepEqual([response.command_status, response.system_id], [0, 'NAMASKAHSIM']);
  assert.equal((await client.bind()).command_status, 0x05);
  const receiver = await open(t, simulator);
  await receiver.bind('bind_receiver');
  assert.equal((await receiver.submit({ short_message: 'not here' })).command_status, 0x04);
  const echo = await new Promise<PDU>((resolve) => client.session.enquire_link(resolve));
  assert.deepEqual([echo.command, echo.command_status], ['enquire_link_resp', 0]);
  const parted = await new Promise<PDU>((resolve) => client.session.unbind(resolve));
  assert.equal(parted.command_status, 0);
  await eventually(() => assert.ok(client.closed()));
});

test('a receipt: hex id in the response, decimal in the receipt, text and TLVs', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings(soon);
  const client = await bound(t, simulator);
  const { message_id: id = '' } = await client.submit({ short_message: 'Hello {world} €5', registered_delivery: 1 });
  assert.match(id, /^[0-9A-F]{10,}$/);
  await eventually(() => assert.equal(client.delivered.length, 1));
  const [receipt] = client.delivered;
  const decimal = BigInt(`0x${id}`).toString();
  assert.match(
    content(receipt),
    new RegExp(`^id:${decimal} sub:001 dlvrd:001 submit date:\\d{10} done date:\\d{10} stat:DELIVRD err:000 text:Hello \\{world\\} €5$`),
  );
  assert.deepEqual([receipt?.receipted_message_id, receipt?.message_state, receipt?.esm_class], [decimal, 2, 4]);
  assert.deepEqual([receipt?.source_addr, receipt?.destination_addr], ['447700900123', 'NAMASKAH']);

  await simulator.settings({ smpp: { idFormat: 'hex', receiptTlvs: false } });
  const second = await client.submit({ short_message: 'x', registered_delivery: 1 });
  await eventually(() => assert.equal(client.delivered.length, 2));
  assert.ok(content(client.delivered[1]).startsWith(`id:${second.message_id} `));
  assert.equal(client.delivered[1]?.receipted_message_id, undefined);

  await simulator.settings({ smpp: { idFormat: 'decimal', receiptTlvs: true, receiptText: false } });
  const third = await client.submit({ short_message: 'x', registered_delivery: 1 });
  await eventually(() => assert.equal(client.delivered.length, 3));
  assert.match(third.message_id ?? '', /^\d+$/);
  assert.deepEqual([content(client.delivered[2]), client.delivered[2]?.receipted_message_id], ['', third.message_id]);
});

test('registered_delivery decides whether a receipt comes at all', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ smpp: { ...soon.smpp, nextReceipts: ['delivered', 'undelivered', 'undelivered'] } });
  const client = await bound(t, simulator);
  await client.submit({ short_message: 'none wanted', registered_delivery: 0 });
  await client.submit({ short_message: 'failure only, delivered', registered_delivery: 2 });
  await client.submit({ short_message: 'failure only, failed', registered_delivery: 2 });
  await client.submit({ short_message: 'success only, failed', registered_delivery: 3 });
  await client.submit({ short_message: 'always', registered_delivery: 1 });
  await eventually(() => assert.ok(client.delivered.some((pdu) => content(pdu).endsWith('text:always'))));
  await eventually(() => assert.equal(client.delivered.length, 2));
  assert.ok(client.delivered.some((pdu) => content(pdu).includes('stat:UNDELIV err:003 text:failure only, failed')));
});

test('texts are decoded and long ones joined: GSM-7 extension, UCS-2, UDH 8 and 16 bit, sar, message_payload, any order', async (t) => {
  const simulator = await startSimulator(t);
  const client = await bound(t, simulator);
  const header = (...octets: number[]): Buffer => Buffer.from(octets);
  const emoji = smpp.encodings.UCS2.encode('😀');
  await client.submit({ destination_addr: '+100001', data_coding: 0, short_message: '[€uro] ~^{}|\\ äöñü @£' });
  await client.submit({ destination_addr: '100002', data_coding: 8, short_message: 'Привет 😀' });
  await client.submit({
    destination_addr: '100003',
    esm_class: 0x40,
    data_coding: 0,
    short_message: { udh: header(5, 0, 3, 7, 2, 2), message: 'world' },
  });
  await client.submit({
    destination_addr: '100003',
    esm_class: 0x40,
    data_coding: 0,
    short_message: { udh: header(5, 0, 3, 7, 2, 1), message: 'hello ' },
  });
  // A surrogate pair and an escape pair torn between two parts.
  await client.submit({
    destination_addr: '100004',
    esm_class: 0x40,
    data_coding: 8,
    short_message: Buffer.concat([header(6, 8, 4, 1, 2, 2, 1), emoji.subarray(0, 2)]),
  });
  await client.submit({
    destination_addr: '100004',
    esm_class: 0x40,
    data_coding: 8,
    short_message: Buffer.concat([header(6, 8, 4, 1, 2, 2, 2), emoji.subarray(2)]),
  });
  await client.submit({
    destination_addr: '100005',
    data_coding: 0,
    sar_msg_ref_num: 9,
    sar_total_segments: 2,
    sar_segment_seqnum: 1,
    short_message: Buffer.from([0x1b]),
  });
  await client.submit({
    destination_addr: '100005',
    data_coding: 0,
    sar_msg_ref_num: 9,
    sar_total_segments: 2,
    sar_segment_seqnum: 2,
    short_message: Buffer.from([0x65]),
  });
  await client.submit({ destination_addr: '100006', data_coding: 0, message_payload: 'long '.repeat(100) });
  await client.submit({
    destination_addr: '100007',
    esm_class: 0x40,
    data_coding: 0,
    short_message: { udh: header(5, 0, 3, 8, 3, 2), message: 'middle' },
  });
  const { data } = await simulator.get<Submissions>('/control/submissions');
  const seen = Object.fromEntries(
    data.map((record) => [record.to, [record.text, record.encoding, record.messageIds.length, record.complete]]),
  );
  assert.deepEqual(seen, {
    100001: ['[€uro] ~^{}|\\ äöñü @£', 'gsm7', 1, true],
    100002: ['Привет 😀', 'ucs2', 1, true],
    100003: ['hello world', 'gsm7', 2, true],
    100004: ['😀', 'ucs2', 2, true],
    100005: ['€', 'gsm7', 2, true],
    100006: ['long '.repeat(100), 'gsm7', 1, true],
    100007: ['middle', 'gsm7', 1, false],
  });
});

test('every refusal of a submit, and the message is not taken', async (t) => {
  const simulator = await startSimulator(t);
  const client = await bound(t, simulator);
  const statuses = {
    throttled: 0x58,
    queue_full: 0x14,
    invalid_destination: 0x0b,
    invalid_source: 0x0a,
    system_error: 0x08,
    submit_failed: 0x45,
    temporary_error: 0x64,
    permanent_error: 0x65,
  };
  await simulator.settings({ smpp: { nextFaults: [...Object.keys(statuses), 'none'] } });
  for (const [fault, expected] of Object.entries(statuses)) {
    assert.equal((await client.submit({ short_message: fault })).command_status, expected, fault);
  }
  assert.equal((await client.submit({ short_message: 'taken' })).command_status, 0);
  assert.equal((await client.submit({ destination_addr: '999123456', short_message: 'no such country' })).command_status, 0x0b);
  assert.equal((await client.submit({ destination_addr: 'nobody', short_message: 'no number' })).command_status, 0x0b);
  await simulator.settings({ smpp: { maxSubmitsPerSecond: 3 } });
  const burst = await Promise.all(Array.from({ length: 12 }, () => client.submit({ short_message: 'burst' })));
  const throttled = burst.filter(({ command_status: found }) => found === 0x58).length;
  // The burst may lie across the edge of a second.
  assert.ok(throttled >= 6 && throttled <= 9, String(throttled));
  // Long enough for all five to be there before the first is answered, on a busy machine too.
  await simulator.settings({ smpp: { maxSubmitsPerSecond: 0, maxWindow: 2, responseDelayMs: 1_000 } });
  const window = await Promise.all(Array.from({ length: 5 }, () => client.submit({ short_message: 'window' })));
  assert.deepEqual(
    window.map(({ command_status: found }) => found).toSorted((a, b) => a - b),
    [0, 0, 0x58, 0x58, 0x58],
  );
  const { data } = await simulator.get<Submissions>('/control/submissions');
  assert.equal(data.filter(({ text }) => text in statuses).length, 0);
  assert.equal(data.filter(({ text }) => text === 'window').length, 2);
});

test('receipts: every state, by queue and by destination; lost, duplicated, reordered, before the response', async (t) => {
  const simulator = await startSimulator(t);
  const words = {
    delivered: 'DELIVRD',
    expired: 'EXPIRED',
    deleted: 'DELETED',
    undelivered: 'UNDELIV',
    accepted: 'ACCEPTD',
    unknown: 'UNKNOWN',
    rejected: 'REJECTD',
  };
  const fates = [...Object.keys(words), 'lost', 'duplicate', 'reordered'];
  await simulator.settings({
    smpp: { ...soon.smpp, nextReceipts: fates, destinations: { 4477: 'undelivered', 447711: 'lost', 447722: 'expired' } },
  });
  const client = await bound(t, simulator);
  for (const fate of fates) await client.submit({ short_message: fate, registered_delivery: 1 });
  await client.submit({ destination_addr: '447711000000', short_message: 'to-lost', registered_delivery: 1 });
  await client.submit({ destination_addr: '447722000000', short_message: 'to-expired', registered_delivery: 1 });
  await client.submit({ destination_addr: '447733000000', short_message: 'to-undelivered', registered_delivery: 1 });
  const states = (text: string): (string | undefined)[] =>
    client.delivered
      .map(content)
      .filter((receipt) => receipt.endsWith(`text:${text}`))
      .map((receipt) => /stat:(\w+)/.exec(receipt)?.[1]);
  await eventually(() => assert.equal(client.delivered.length, 7 + 2 + 2 + 2));
  for (const [fate, word] of Object.entries(words)) assert.deepEqual(states(fate), [word]);
  // Without a state in the queue the destination decides, also for those that are spoilt.
  assert.deepEqual(states('duplicate'), ['UNDELIV', 'UNDELIV']);
  assert.deepEqual(states('reordered'), ['UNDELIV', 'ACCEPTD']);
  assert.deepEqual([states('lost'), states('to-lost')], [[], []]);
  assert.deepEqual([states('to-expired'), states('to-undelivered')], [['EXPIRED'], ['UNDELIV']]);

  await simulator.settings({ smpp: { nextReceipts: ['early'] } });
  const before = client.delivered.length;
  const response = await client.submit({ short_message: 'early', registered_delivery: 1 });
  assert.equal(client.delivered.length, before + 1, 'the receipt was there before the response');
  assert.equal(client.delivered.at(-1)?.receipted_message_id, BigInt(`0x${response.message_id}`).toString());
});

test('lost response, cut connection: whether the message was taken is another question', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ smpp: { ...soon.smpp, nextFaults: ['lost_response'] } });
  const client = await bound(t, simulator);
  let answered = false;
  void client.submit({ short_message: 'no answer', registered_delivery: 1 }).then(() => (answered = true));
  await eventually(() => assert.equal(client.delivered.length, 1));
  assert.equal((await client.submit({ short_message: 'later' })).command_status, 0);
  assert.equal(answered, false);

  await simulator.settings({ smpp: { nextFaults: ['disconnect'] } });
  client.session.submit_sm({
    source_addr: 'N',
    destination_addr: '447700900123',
    short_message: 'taken, then cut',
    registered_delivery: 1,
  });
  await eventually(() => assert.ok(client.closed()));
  const again = await bound(t, simulator);
  await eventually(() => assert.ok(again.delivered.some((pdu) => content(pdu).includes('text:taken, then cut'))), { timeoutMs: 3_000 });

  await simulator.settings({ smpp: { nextFaults: ['disconnect_before'] } });
  again.session.submit_sm({ source_addr: 'N', destination_addr: '447700900123', short_message: 'cut, not taken' });
  await eventually(() => assert.ok(again.closed()));
  const texts = (await simulator.get<Submissions>('/control/submissions')).data.map(({ text }) => text);
  assert.deepEqual(texts, ['taken, then cut', 'later', 'no answer']);
});

test('deliver_sm waits for a receiver and is repeated until it is answered', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ smpp: { ...soon.smpp, redeliverAfterMs: 400 } });
  await simulator.post('/control/inbound', { from: '+447700900123', to: '12345', text: 'STOP' });
  const transmitter = await open(t, simulator);
  await transmitter.bind('bind_transmitter');
  const receiver = await open(t, simulator, (nth) => nth >= 3);
  await receiver.bind('bind_receiver');
  await eventually(() => assert.equal(receiver.delivered.length, 3));
  for (const pdu of receiver.delivered) {
    assert.deepEqual([content(pdu), pdu.source_addr, pdu.destination_addr, pdu.esm_class], ['STOP', '447700900123', '12345', 0]);
  }
  assert.equal(transmitter.delivered.length, 0);
  const statistics = await simulator.get<{ redeliveries: number; smppQueued: number }>('/control/statistics');
  assert.deepEqual([statistics.redeliveries, statistics.smppQueued], [2, 0]);

  // A receiver that goes away without answering: the next one gets it.
  const silent = await open(t, simulator, () => false);
  receiver.session.destroy();
  await eventually(() => assert.ok(receiver.closed()));
  await silent.bind('bind_receiver');
  await simulator.post('/control/inbound', { from: '447700900123', to: '12345', text: 'HELP' });
  await eventually(() => assert.ok(silent.delivered.length > 0));
  silent.session.destroy();
  const next = await bound(t, simulator);
  await eventually(() => assert.deepEqual(next.delivered.map(content), ['HELP']));
});

test('a long inbound text comes in parts that join to the whole, in both alphabets', async (t) => {
  const simulator = await startSimulator(t);
  const client = await bound(t, simulator);
  const joined = (): string => {
    const parts = client.delivered.splice(0).map((pdu) => ({ number: pdu.short_message?.udh?.[0]?.[4] ?? 0, text: content(pdu) }));
    return parts
      .toSorted((a, b) => a.number - b.number)
      .map(({ text }) => text)
      .join('');
  };
  for (const [text, parts] of [
    ['{}€ '.repeat(80), 4],
    [`${'ж'.repeat(66)}😀${'ж'.repeat(66)}`, 3],
  ] as const) {
    await simulator.post('/control/inbound', { from: '447700900123', to: '12345', text });
    await eventually(() => assert.equal(client.delivered.length, parts));
    assert.equal(joined(), text);
  }
});

test('a peer that sends rubbish loses its connection; the others stay', async (t) => {
  const simulator = await startSimulator(t);
  const client = await bound(t, simulator);
  const socket = connect(simulator.smppPort, '127.0.0.1');
  let ended = false;
  socket.on('error', () => {});
  socket.on('close', () => {
    ended = true;
  });
  socket.write(Buffer.from('GET / HTTP/1.1\r\nHost: smsc\r\n\r\n'));
  await eventually(() => assert.ok(ended));
  assert.equal((await client.submit({ short_message: 'still here' })).command_status, 0);
});

test('the SMSC asks quiet peers, cuts idle ones, and goes away in an outage', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ smpp: { enquireLinkMs: 300 } });
  const client = await bound(t, simulator);
  let asked = 0;
  client.session.on('enquire_link', (pdu: PDU) => {
    asked += 1;
    client.session.send(pdu.response());
  });
  await eventually(() => assert.ok(asked >= 2));
  assert.equal(client.closed(), false, 'a peer that answers stays');
  const deaf = await bound(t, simulator);
  await eventually(() => assert.ok(deaf.closed()));
  await simulator.settings({ smpp: { enquireLinkMs: 0, idleTimeoutMs: 200 } });
  await eventually(() => assert.ok(client.closed()));
  await simulator.settings({ smpp: { idleTimeoutMs: 0 } });
  const second = await bound(t, simulator);
  await simulator.settings({ smpp: { outage: 'closed' } });
  await eventually(() => assert.ok(second.closed()));
  const third = await open(t, simulator);
  await eventually(() => assert.ok(third.closed()));
});

test('keeps up with thousands of submits a second and their receipts', async (t) => {
  const simulator = await startSimulator(t);
  await simulator.settings({ smpp: { receiptDelayMinMs: 1, receiptDelayMaxMs: 200, redeliverAfterMs: 60_000 } });
  const client = await bound(t, simulator);
  const total = 6_000;
  const startedAt = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) {
      next += 1;
      const { command_status: found } = await client.submit({ short_message: `message ${next}`, registered_delivery: 1 });
      assert.equal(found, 0);
    }
  };
  await Promise.all(Array.from({ length: 50 }, worker));
  await eventually(() => assert.equal(client.delivered.length, total), { timeoutMs: 10_000 });
  const perSecond = total / ((performance.now() - startedAt) / 1000);
  t.diagnostic(`${Math.round(perSecond)} submits a second, client in the same process`);
  // A floor that a busy machine keeps, well under what is measured: the guard is against something quadratic.
  assert.ok(perSecond > 300, String(perSecond));
  assert.equal(new Set(client.delivered.map((pdu) => pdu.receipted_message_id)).size, total);
});
