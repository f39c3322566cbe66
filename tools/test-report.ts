/**
 * Reporter for `node --test`: one JSON document about a run, file by file, for tools/test.ts. People read the spec reporter
 * beside it.
 */
import type { TestEvent } from 'node:test/reporters';

export interface NamedTest {
  readonly name: string;
  readonly line: number;
}

export interface FileReport {
  tests: number;
  durationMs: number;
  readonly failed: NamedTest[];
  /** Skipped, or marked as to do. */
  readonly skipped: NamedTest[];
}

/** By absolute path. */
export type RunReport = Readonly<Record<string, FileReport>>;

/** A suite fails with its tests: only they are named. */
const isSuiteOfFailed = (error: { failureType?: string } | undefined): boolean => error?.failureType === 'subtestsFailed';

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, FileReport>();
  const fileOf = (path: string): FileReport => {
    const known = files.get(path) ?? { tests: 0, durationMs: 0, failed: [], skipped: [] };
    files.set(path, known);
    return known;
  };
  for await (const { type, data } of events) {
    if (type === 'test:summary') {
      if (data.file === undefined) continue;
      const file = fileOf(data.file);
      file.tests = data.counts.tests;
      file.durationMs = data.duration_ms;
    } else if (type === 'test:pass' || type === 'test:fail') {
      if (data.file === undefined) continue;
      const { failed, skipped } = fileOf(data.file);
      const named = { name: data.name, line: data.line ?? 1 };
      if (type === 'test:fail' && !isSuiteOfFailed(data.details.error as { failureType?: string })) failed.push(named);
      if ((data.skip !== undefined && data.skip !== false) || (data.todo !== undefined && data.todo !== false)) skipped.push(named);
    }
  }
  yield JSON.stringify(Object.fromEntries(files));
}
