import { context, isSpanContextValid, trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
import { redactRecord, redactText, redactValue } from './redact.ts';

export type Logger = PinoLogger;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** Where the lines go; standard output unless a test listens. */
  readonly destination?: DestinationStream;
}

const traceFields = (): object => {
  const span = trace.getSpanContext(context.active());
  return span !== undefined && isSpanContextValid(span) ? { trace_id: span.traceId, span_id: span.spanId } : {};
};

/** pino formats the bindings of the root only; those of children pass the same redaction here. */
const redactChildren = (logger: Logger): Logger => {
  const { child } = logger as unknown as { child(this: Logger, bindings: object, options?: object): Logger };
  logger.child = function (this: Logger, bindings: Record<string, unknown>, options?: object) {
    return child.call(this, redactRecord(bindings), options);
  } as unknown as Logger['child'];
  return logger;
};

/**
 * One JSON object a line, on standard output, written before the call returns: the last line before a crash is there.
 * Records, bindings of children, errors and message texts all pass the redaction.
 */
export const createLogger = ({ service, level, destination }: LoggerOptions): Logger =>
  redactChildren(
    pino(
      {
        level,
        base: { service },
        timestamp: stdTimeFunctions.isoTime,
        mixin: traceFields,
        formatters: {
          level: (label) => ({ level: label }),
          bindings: (bindings) => redactRecord(bindings),
          log: (record) => redactRecord(record),
        },
        // formatters.log has made plain objects of errors already; pino's own serializers would add the raw fields again.
        serializers: { err: redactValue, error: redactValue },
        hooks: {
          logMethod(args, method) {
            const safe = args.map((arg) => (typeof arg === 'string' ? redactText(arg) : arg));
            // An error alone would lend its raw message to `msg`.
            const [first] = safe as unknown[];
            if (first instanceof Error) safe.splice(0, 1, { err: first }, ...(safe.length === 1 ? [redactText(first.message)] : []));
            method.apply(this, safe as Parameters<typeof method>);
          },
        },
      },
      destination ?? pino.destination({ fd: 1, sync: true }),
    ),
  );
