/**
 * Ambient types of npm `smpp` 0.5.1, which ships none. Only what this repository uses, as the library really behaves:
 * a decoded `short_message`/`message_payload` is an object, one that is sent may be text, bytes or such an object.
 */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events';
  import type { Server as NetServer, Socket } from 'node:net';

  export interface DecodedMessage {
    /** Text, or the bytes themselves when the data coding is not one the library knows (binary). */
    message: string | Buffer;
    /** Information elements of the user data header, each with its two octets of identifier and length. */
    udh?: Buffer[];
  }
  export type MessageToSend = string | Buffer | { message: string | Buffer; udh?: Buffer };

  export interface PDUFields {
    command_status?: number;
    sequence_number?: number;
    system_id?: string;
    password?: string;
    system_type?: string;
    interface_version?: number;
    addr_ton?: number;
    addr_npi?: number;
    address_range?: string;
    service_type?: string;
    source_addr_ton?: number;
    source_addr_npi?: number;
    source_addr?: string;
    dest_addr_ton?: number;
    dest_addr_npi?: number;
    destination_addr?: string;
    esm_class?: number;
    protocol_id?: number;
    priority_flag?: number;
    schedule_delivery_time?: string | Date;
    validity_period?: string | Date;
    registered_delivery?: number;
    replace_if_present_flag?: number;
    data_coding?: number | null;
    sm_default_msg_id?: number;
    message_id?: string;
    receipted_message_id?: string;
    message_state?: number;
    network_error_code?: Buffer;
    user_message_reference?: number;
    sar_msg_ref_num?: number;
    sar_total_segments?: number;
    sar_segment_seqnum?: number;
    sc_interface_version?: number;
  }

  export class PDU {
    constructor(command: string, fields?: PDUFields & { short_message?: MessageToSend; message_payload?: MessageToSend });
    command: string;
    command_length: number;
    command_id: number;
    command_status: number;
    sequence_number: number;
    system_id?: string;
    password?: string;
    interface_version?: number;
    source_addr_ton?: number;
    source_addr_npi?: number;
    source_addr?: string;
    dest_addr_ton?: number;
    dest_addr_npi?: number;
    destination_addr?: string;
    esm_class?: number;
    registered_delivery?: number;
    data_coding?: number;
    validity_period?: string | Date;
    short_message?: DecodedMessage;
    message_payload?: DecodedMessage;
    message_id?: string;
    receipted_message_id?: string;
    message_state?: number;
    sar_msg_ref_num?: number;
    sar_total_segments?: number;
    sar_segment_seqnum?: number;
    isResponse(): boolean;
    /** The matching response; for an unknown command a generic_nack. */
    response(fields?: PDUFields): PDU;
    toBuffer(): Buffer;
    static maxLength: number;
  }

  export type OutgoingFields = PDUFields & { short_message?: MessageToSend; message_payload?: MessageToSend };
  type PduCallback = (pdu: PDU) => void;

  export class Session extends EventEmitter {
    socket: Socket;
    sequence: number;
    paused: boolean;
    options: Record<string, unknown>;
    pause(): void;
    resume(): void;
    close(callback?: () => void): void;
    destroy(callback?: () => void): void;
    /** @returns false, with nothing sent, when the socket is not writable */
    send(pdu: PDU, onResponse?: PduCallback, onSent?: PduCallback): boolean;
    bind_transceiver(fields: OutgoingFields, onResponse?: PduCallback): boolean;
    bind_transmitter(fields: OutgoingFields, onResponse?: PduCallback): boolean;
    bind_receiver(fields: OutgoingFields, onResponse?: PduCallback): boolean;
    submit_sm(fields: OutgoingFields, onResponse?: PduCallback): boolean;
    deliver_sm(fields: OutgoingFields, onResponse?: PduCallback): boolean;
    enquire_link(onResponse?: PduCallback): boolean;
    unbind(onResponse?: PduCallback): boolean;
  }

  export interface Server extends NetServer {
    sessions: Session[];
  }

  export interface ConnectOptions {
    url?: string;
    host?: string;
    port?: number;
    tls?: boolean;
    auto_enquire_link_period?: number;
    /** Milliseconds, handed to net.connect. */
    timeout?: number;
  }

  export function createServer(listener?: (session: Session) => void): Server;
  export function createServer(options: Record<string, unknown>, listener?: (session: Session) => void): Server;
  export function connect(options: ConnectOptions, onConnect?: () => void): Session;
  export const encodings: Record<
    'ASCII' | 'LATIN1' | 'UCS2',
    { match(text: string): boolean; encode(text: string): Buffer; decode(bytes: Buffer): string }
  >;

  const smpp: {
    createServer: typeof createServer;
    connect: typeof connect;
    Session: typeof Session;
    PDU: typeof PDU;
    encodings: typeof encodings;
  };
  export default smpp;
}
