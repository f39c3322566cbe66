import smpp, { type OutgoingFields } from 'smpp';
import type { Delivery } from '../../app/ports.ts';
import { stateNumber } from '../../domain/receipt.ts';
import type { SmppSettings } from '../../domain/settings.ts';

const gsmOctets = 160;
const gsmPartOctets = 153;
const ucsOctets = 140;
const ucsPartOctets = 134;
const escape = 0x1b;

/** Cuts where no escape pair and no surrogate pair is torn. */
const cut = (bytes: Buffer, size: number, ucs2: boolean): Buffer[] => {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    let end = Math.min(bytes.length, at + size);
    if (end < bytes.length) {
      if (ucs2 && (bytes.readUInt16BE(end - 2) & 0xfc00) === 0xd800) end -= 2;
      if (!ucs2 && bytes[end - 1] === escape) end -= 1;
    }
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return parts;
};

const addresses = (delivery: Delivery): OutgoingFields => ({
  source_addr_ton: 1,
  source_addr_npi: 1,
  source_addr: delivery.from,
  dest_addr_ton: /^\d+$/.test(delivery.to) ? 1 : 5,
  dest_addr_npi: /^\d+$/.test(delivery.to) ? 1 : 0,
  destination_addr: delivery.to,
});

const inbound = (delivery: Delivery, reference: number): OutgoingFields[] => {
  const ucs2 = !smpp.encodings.ASCII.match(delivery.text);
  const bytes = ucs2 ? smpp.encodings.UCS2.encode(delivery.text) : smpp.encodings.ASCII.encode(delivery.text);
  const base = { ...addresses(delivery), data_coding: ucs2 ? 8 : 0 };
  if (bytes.length <= (ucs2 ? ucsOctets : gsmOctets)) return [{ ...base, esm_class: 0, short_message: bytes }];
  const parts = cut(bytes, ucs2 ? ucsPartOctets : gsmPartOctets, ucs2);
  return parts.map((part, at) => ({
    ...base,
    esm_class: 0x40,
    short_message: Buffer.concat([Buffer.from([5, 0, 3, reference & 0xff, parts.length, at + 1]), part]),
  }));
};

const receiptFlag = 0x04;

/** The deliver_sm PDUs of one delivery: a receipt is one, a long inbound text several. */
export const encodeDelivery = (delivery: Delivery, settings: SmppSettings, reference: number): OutgoingFields[] => {
  if (delivery.kind === 'inbound') return inbound(delivery, reference);
  const text = settings.receiptText ? delivery.text : '';
  const ucs2 = !smpp.encodings.ASCII.match(text);
  const fields: OutgoingFields = {
    ...addresses(delivery),
    esm_class: receiptFlag,
    data_coding: ucs2 ? 8 : 0,
    short_message: ucs2 ? smpp.encodings.UCS2.encode(text) : smpp.encodings.ASCII.encode(text),
  };
  if (!settings.receiptTlvs) return [fields];
  return [{ ...fields, receipted_message_id: delivery.messageId, message_state: stateNumber(delivery.state) }];
};
