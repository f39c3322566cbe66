import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createLogger } from '#platform/logging/index.ts';
import { eventually } from '#platform/testing/index.ts';
import type { InboundMessage, OutboundMessage } from '../../app/ports.ts';
import type { SubmitOutcome } from '../../domain/outcome.ts';
import type { Receipt } from '../../domain/receipt.ts';
import { carrierContract, outbound } from '../../testing/carrier.contract.ts';
import { startSmsc, type Smsc } from '../../testing/smsc.ts';
import { smppCarrier, type SmppCarrier, type SmppOptions } from './carrier.ts';

const logger = createLogger({ service: 'campaign-test', level: 'silent' });

const open = (smsc: Smsc, options: Partial<SmppOptions> = {}): SmppCarrier =>
  smppCarrier({
    host: '127.0.0.1',
    port: smsc.port,
    systemId: 'test',
    password: 'secret',
    window: 10,
    responseTimeoutMs: 1_000,
    reconnectMinMs: 20,
    reconnectMaxMs: 100,
    throttleMinMs: 20,
    throttleMaxMs: 100,
    logger,
    listener: { receipt: () => Promise.resolve(), inbound: () => Promise.resolve(), lateAnswer: () => {} },
    ...options,
  });

carrierContract('SMPP', async () => {
  const smsc = await startSmsc();
  const carrier = open(smsc);
  let cut = false;
  const stop = async (): Promise<void> => {
    if (!cut) await smsc.close();
    cut = true;
  };
  return {
    carrier,
    answer: (answer) => {
      smsc.answer = (pdu, part) => answer(`+${pdu.destination_addr ?? ''}`, part);
    },
    cut: stop,
    close: async () => {
      await carrier.close();
      await stop();
    },
  };
});

describe('SMPP', () => {
  let smsc: Smsc;
  let carrier: SmppCarrier;
  const receipts: Receipt[] = [];
  const inbound: InboundMessage[] = [];
  const late: [OutboundMessage, SubmitOutcome][] = [];
  let stores = true;
  const listener = {
    receipt: (receipt: Receipt) => (stores ? Promise.resolve(void receipts.push(receipt)) : Promise.reject(new Error('no database'))),
    inbound: (message: InboundMessage) => Promise.resolve(void inbound.push(message)),
    lateAnswer: (message: OutboundMessage, outcome: SubmitOutcome) => void late.push([message, outcome]),
  };
  const bound = (): Promise<void> => eventually(() => assert.ok(carrier.isReady()));

  beforeEach(async () => {
    receipts.length = inbound.length = late.length = 0;
    stores = true;
    smsc = await startSmsc();
  });
  afterEach(async () => {
    await carrier.close();
    await smsc.close();
  });

  it('asks for a receipt, and writes parts with a concatenation header', async () => {
    carrier = open(smsc);
    await bound();
    await carrier.submit(outbound('price: 5€'));
    await carrier.submit(outbound('ы'.repeat(80)));
    const [short, first, second] = smsc.submits;
    assert.equal(smsc.binds[0]?.interface_version, 0x34);
    assert.deepEqual(
      [short?.registered_delivery, short?.esm_class, short?.data_coding, short?.short_message?.message],
      [1, 0, 0, 'price: 5€'],
    );
    assert.deepEqual([short?.destination_addr, short?.dest_addr_ton, short?.source_addr_ton], ['447700900123', 1, 1]);
    assert.deepEqual([first?.esm_class, first?.data_coding, first?.short_message?.message], [0x40, 8, 'ы'.repeat(67)]);
    assert.equal(second?.short_message?.message, 'ы'.repeat(13));
    const [head, tail] = [first?.short_message?.udh?.[0], second?.short_message?.udh?.[0]];
    assert.deepEqual([head?.[3], head?.[4], tail?.[3], tail?.[4]], [2, 1, 2, 2]);
    assert.equal(head?.[2], tail?.[2], 'one reference for all parts');
  });

  it('keeps no more submits unanswered than the window allows', async () => {
    carrier = open(smsc, { window: 4, responseTimeoutMs: 5_000 });
    await bound();
    smsc.delayMs = 20;
    let open_ = 0;
    let most = 0;
    const { answer } = smsc;
    smsc.answer = (pdu, part) => {
      most = Math.max(most, (open_ += 1));
      setTimeout(() => (open_ -= 1), 19);
      return answer(pdu, part);
    };
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => carrier.submit(outbound('x'))));
    assert.ok(outcomes.every(({ kind }) => kind === 'accepted'));
    assert.ok(most <= 4 && most > 1, `${most} at once`);
  });

  it('reads receipts from TLVs and from text, and answers when they are stored', async () => {
    carrier = open(smsc, { listener });
    await bound();
    const base = { source_addr: '447700900123', destination_addr: '15005550006', esm_class: 4 };
    const text = 'id:0123ABC sub:001 dlvrd:000 submit date:2611210900 done date:261121090030 stat:UNDELIV err:069 text:Hi';
    assert.equal((await smsc.deliver({ ...base, short_message: text })).command_status, 0);
    await smsc.deliver({ ...base, short_message: '', receipted_message_id: 'ff', message_state: 2 });
    assert.deepEqual(receipts, [
      { messageId: '0123ABC', phone: '+447700900123', status: 'failed', error: '069' },
      { messageId: 'ff', phone: '+447700900123', status: 'delivered', error: undefined },
    ]);
    assert.equal((await smsc.deliver({ ...base, short_message: 'nothing of the sort' })).command_status, 0, 'else it would come for ever');
    stores = false;
    assert.equal((await smsc.deliver({ ...base, short_message: text })).command_status, 0x64, 'the carrier repeats it');
  });

  it('hands over what people write, in both alphabets', async () => {
    carrier = open(smsc, { listener });
    await bound();
    await smsc.deliver({ source_addr: '447700900123', destination_addr: '15005550006', short_message: 'STOP' });
    await smsc.deliver({
      source_addr: '447700900123',
      destination_addr: 'SHOP',
      data_coding: 8,
      short_message: Buffer.from('стоп', 'utf16le').swap16(),
    });
    assert.deepEqual(inbound, [
      { from: '+447700900123', to: '+15005550006', text: 'STOP' },
      { from: '+447700900123', to: 'SHOP', text: 'стоп' },
    ]);
  });

  it('reports an answer that came after its time-out', async () => {
    carrier = open(smsc, { listener, responseTimeoutMs: 100 });
    await bound();
    smsc.delayMs = 250;
    const message = outbound('x');
    assert.equal((await carrier.submit(message)).kind, 'unknown');
    await eventually(() => assert.equal(late.length, 1));
    assert.equal(late[0]?.[0].id, message.id);
    assert.equal(late[0]?.[1].kind, 'accepted');
  });

  it('slows down when throttled and goes on by itself', async () => {
    carrier = open(smsc);
    await bound();
    const { answer } = smsc;
    smsc.answer = () => ({ status: 0x58 });
    assert.deepEqual(await carrier.submit(outbound('x')), { kind: 'rejected', status: 0x58, messageIds: [] });
    assert.equal(carrier.isReady(), false);
    smsc.answer = answer;
    await bound();
    assert.equal((await carrier.submit(outbound('x'))).kind, 'accepted');
  });

  it('finishes a long message that was throttled half-way, without repeating a part', async () => {
    carrier = open(smsc);
    await bound();
    let refusals = 3;
    smsc.answer = (_, part) => (part === 1 && (refusals -= 1) >= 0 ? { status: 0x58 } : { messageId: `p${part}` });
    assert.deepEqual(await carrier.submit(outbound('x'.repeat(200))), { kind: 'accepted', messageIds: ['p0', 'p1'] });
    assert.equal(smsc.submits.length, 5);
  });

  it('hangs up on a peer that misses one enquire_link, and comes back', async () => {
    smsc.answersEnquireLink = false;
    carrier = open(smsc, { enquireLinkMs: 50, responseTimeoutMs: 50 });
    await eventually(() => assert.ok(smsc.binds.length >= 2));
  });

  it('tries again after a refused bind and a restart of the carrier', async () => {
    smsc.bindStatus = 0x0e;
    carrier = open(smsc);
    await eventually(() => assert.ok(smsc.binds.length >= 2));
    assert.equal(carrier.isReady(), false);
    smsc.bindStatus = 0;
    await bound();
    const { port } = smsc;
    await smsc.close();
    await eventually(() => assert.equal(carrier.isReady(), false));
    smsc = await startSmsc(port);
    await bound();
    assert.equal((await carrier.submit(outbound('x'))).kind, 'accepted');
  });

  it('calls what was under way unknown when the connection breaks, and what waited not sent', async () => {
    carrier = open(smsc, { window: 2, responseTimeoutMs: 5_000 });
    await bound();
    smsc.answer = () => 'silence';
    const outcomes = Promise.all(Array.from({ length: 5 }, () => carrier.submit(outbound('x'))));
    await eventually(() => assert.equal(smsc.submits.length, 2));
    for (const session of smsc.sessions) session.destroy();
    assert.deepEqual((await outcomes).map(({ kind }) => kind).toSorted(), ['not-sent', 'not-sent', 'not-sent', 'unknown', 'unknown']);
  });

  it('survives garbage: it costs the connection, not the process', async () => {
    carrier = open(smsc);
    await bound();
    const binds = smsc.binds.length;
    // Longer than any PDU may be, then nonsense.
    for (const session of smsc.sessions) session.socket.write(Buffer.from('7fffffff00000005', 'hex'));
    await eventually(() => assert.ok(smsc.binds.length > binds));
    for (const session of smsc.sessions)
      session.socket.write(Buffer.concat([Buffer.from('0000001200000005000000000000000141ff', 'hex'), Buffer.alloc(3, 0xff)]));
    await eventually(async () => assert.equal((await carrier.submit(outbound('x'))).kind, 'accepted'));
  });
});
