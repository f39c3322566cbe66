import type { Dispatcher } from 'undici';

export interface FetchedText {
  readonly status: number;
  readonly text: string;
}

export interface FetchTextOptions {
  /** Path and query. */
  readonly path: string;
  /** From the call to the last byte, waiting for a free connection included. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/**
 * A GET whose answer is a short text. It speaks to undici's dispatcher itself: the streams, signals and promises that
 * `request` makes for each call cost more than the call when the answer is one small packet.
 * @throws what undici failed with; TimeoutError; RangeError when the answer is larger than `maxBytes`
 */
export const fetchText = (dispatcher: Dispatcher, { path, timeoutMs, maxBytes }: FetchTextOptions): Promise<FetchedText> =>
  new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let bytes = 0;
    const chunks: Buffer[] = [];
    let failure: Error | undefined;

    const end = (): void => clearTimeout(timer);
    /** A request that still waits for a connection is aborted when it gets one, before anything is written. */
    const giveUp = (reason: Error): void => {
      end();
      failure = reason;
      reject(reason);
      controller?.abort(reason);
    };
    const timer = setTimeout(() => giveUp(new DOMException('No answer in time', 'TimeoutError')), timeoutMs);

    dispatcher.dispatch(
      { method: 'GET', path },
      {
        onRequestStart: (started) => {
          controller = started;
          if (failure !== undefined) started.abort(failure);
        },
        onResponseStart: (_controller, statusCode) => {
          status = statusCode;
        },
        onResponseData: (_controller, chunk) => {
          bytes += chunk.length;
          if (bytes > maxBytes) giveUp(new RangeError('the answer is too large'));
          else chunks.push(chunk);
        },
        onResponseEnd: () => {
          end();
          resolve({ status, text: (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8') });
        },
        onResponseError: (_controller, error) => {
          end();
          reject(error);
        },
      },
    );
  });
