import type { OutgoingFields, PDU } from 'smpp';
import type { InboundMessage, OutboundMessage } from '../../app/ports.ts';
import { statusOfState, type Receipt } from '../../domain/receipt.ts';
import { encodeGsm7, encodeUcs2 } from '../../domain/segments.ts';

const udhIndicator = 0x40;
const dataCoding = { gsm7: 0, ucs2: 8 } as const;

interface Address {
  readonly ton: number;
  readonly npi: number;
  readonly address: string;
}

/** International number 1/1, short code 3/0 (network specific), name 5/0. */
const addressOf = (text: string): Address => {
  const digits = text.startsWith('+') ? text.slice(1) : text;
  if (!/^\d+$/.test(digits)) return { ton: 5, npi: 0, address: text };
  return digits.length <= 6 ? { ton: 3, npi: 0, address: digits } : { ton: 1, npi: 1, address: digits };
};

/** The 8-bit reference that ties the parts of one message together for one handset. */
const partReference = (messageId: string): number => Number.parseInt(messageId.slice(-2), 16) & 0xff;

/** submit_sm of one part. */
export const submitFields = (message: OutboundMessage, part: number): OutgoingFields => {
  const { encoding, parts } = message.segmentation;
  const text = parts[part] ?? '';
  const octets = Buffer.from(encoding === 'gsm7' ? encodeGsm7(text) : encodeUcs2(text));
  const header = Buffer.from([5, 0, 3, partReference(message.id), parts.length, part + 1]);
  const source = addressOf(message.sender);
  const destination = addressOf(message.phone);
  return {
    source_addr_ton: source.ton,
    source_addr_npi: source.npi,
    source_addr: source.address,
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: destination.address,
    esm_class: parts.length > 1 ? udhIndicator : 0,
    data_coding: dataCoding[encoding],
    registered_delivery: 1,
    short_message: parts.length > 1 ? Buffer.concat([header, octets]) : octets,
  };
};

const textOf = (pdu: PDU): string => {
  // A receipt or a long text may come as message_payload, with an empty short_message.
  const { short_message: short, message_payload: payload } = pdu;
  for (const source of [short, payload]) {
    const message = source?.message;
    if (typeof message === 'string' && message !== '') return message;
    if (Buffer.isBuffer(message) && message.length > 0) return message.toString('latin1');
  }
  return '';
};

const international = (address: string): string => (/^\d{7,15}$/.test(address) ? `+${address}` : address);

const isReceipt = (pdu: PDU): boolean => (((pdu.esm_class ?? 0) >> 2) & 0x0f) === 0x01;

const word = (text: string, key: string): string | undefined => new RegExp(`\\b${key}:\\s*([^\\s]+)`, 'i').exec(text)?.[1];

/** TLVs where there are any, else the text that nearly every SMSC writes (SMPP 3.4 appendix B). */
const readReceipt = (pdu: PDU): Receipt | undefined => {
  const text = textOf(pdu);
  const messageId = pdu.receipted_message_id?.replace(/\0+$/, '') || word(text, 'id');
  const state = pdu.message_state === undefined ? undefined : statusOfState[String(pdu.message_state)];
  const status = state ?? statusOfState[(word(text, 'stat') ?? '').toUpperCase()];
  if (!messageId || messageId.length > 65 || !status) return undefined;
  return { messageId, phone: international(pdu.source_addr ?? ''), status, error: word(text, 'err')?.slice(0, 20) };
};

export type Delivered =
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  | { readonly kind: 'inbound'; readonly message: InboundMessage }
  | { readonly kind: 'unreadable' };

/** What a deliver_sm says. */
export const readDelivery = (pdu: PDU): Delivered => {
  if (isReceipt(pdu)) {
    const receipt = readReceipt(pdu);
    return receipt ? { kind: 'receipt', receipt } : { kind: 'unreadable' };
  }
  const message = { from: international(pdu.source_addr ?? ''), to: international(pdu.destination_addr ?? ''), text: textOf(pdu) };
  return message.from === '' ? { kind: 'unreadable' } : { kind: 'inbound', message };
};
