/** What both ends of a lane do with what they send: all of one turn of the event loop goes in one message, without any timer. */

/** More than this in a message makes the others wait. */
export const messageBytes = 64 * 1_024;

interface Writing<M> {
  write(message: M): boolean;
  on(event: 'drain', then: () => void): unknown;
}

export interface Gathering<T> {
  /** @param bytes of the item */
  put(item: T, bytes: number): void;
  /** The turn's message goes out at its end, also when no item has come. */
  schedule(): void;
  /** Items that wait for their message. */
  size(): number;
}

/**
 * While the stream is full, what follows goes with the next message.
 * @param messageOf the message for these items; undefined: there is nothing to send
 * @param flushed called when all that came is written
 */
export const gather = <T, M>(stream: Writing<M>, messageOf: (items: T[]) => M | undefined, flushed: () => void): Gathering<T> => {
  let items: T[] = [];
  let bytes = 0;
  let blocked = false;
  let scheduled = false;

  const write = (): void => {
    const message = messageOf(items);
    if (message === undefined) return;
    items = [];
    bytes = 0;
    blocked = !stream.write(message);
  };
  const flush = (): void => {
    scheduled = false;
    if (blocked) return;
    write();
    flushed();
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };
  stream.on('drain', () => {
    blocked = false;
    flush();
  });
  return {
    put: (item, size) => {
      if (bytes + size > messageBytes && items.length > 0 && !blocked) write();
      items.push(item);
      bytes += size;
      schedule();
    },
    schedule,
    size: () => items.length,
  };
};
