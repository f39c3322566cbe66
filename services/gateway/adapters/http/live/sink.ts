/** The client's end of an open stream, whatever carries it. */
export const endReasons = {
  /** The token has expired, the session has ended, or the key was revoked. */
  credentials: 4401,
  /** This gateway stops: come back to another one. */
  shutdown: 1012,
  /** The client reads too slowly; it may come back and goes on where it was. */
  slow_consumer: 4408,
  too_many_streams: 4429,
  /** The first frame cannot be read. */
  malformed: 4400,
  /** There is nothing more to tell. */
  finished: 1000,
} as const;
export type EndReason = keyof typeof endReasons;

export interface Frame {
  readonly name: string;
  /** Where the client goes on after this frame. */
  readonly cursor: string;
  /** JSON, without a line break. */
  readonly json: string;
}

export interface Sink {
  readonly transport: 'sse' | 'websocket';
  /** The client is gone or has been told the end. */
  closed(): boolean;
  /** What it was told. */
  ended(): EndReason | undefined;
  /** In their order. Resolves when there is room for more, or the client is gone. */
  send(frames: readonly Frame[]): Promise<void>;
  /** Keeps the line open; the client remembers the cursor. */
  beat(cursor: string): Promise<void>;
  /** Says why, and ends. @param retryMs when to come back */
  end(reason: EndReason, retryMs: number): void;
  onClose(listener: () => void): void;
}

/** Longer than this, a client that was told the end is hung up. */
export const lingerMs = 2_000;
