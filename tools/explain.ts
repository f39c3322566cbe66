/** Says why the platform did not start, or what a person asked for wrongly: what to do about it, and no stack trace. */
import { PortTakenError } from './platform.ts';
import { UsageError } from './settings.ts';
import { StartError } from './supervisor.ts';
import { dim, readLogLine, red, say } from './terminal.ts';

/** Errors whose message is all that a person needs. */
export const isPlain = (error: unknown): boolean =>
  error instanceof StartError || error instanceof PortTakenError || error instanceof UsageError;

export const explain = (error: unknown): void => {
  if (error instanceof AggregateError) {
    for (const one of error.errors) explain(one);
    return;
  }
  say(`\n${red(`✗ ${error instanceof Error ? error.message : String(error)}`)}`);
  if (error instanceof StartError) for (const line of error.lines) say(`    ${dim(readLogLine(line).text)}`);
};
