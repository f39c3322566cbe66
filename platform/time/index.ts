export { addMonths, isTimeZone } from './zones.ts';

/** The only source of "now" outside adapters. Everything that waits or expires takes a Clock, so the platform can run on a test clock. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

export interface TestClock extends Clock {
  set(at: Date): void;
  advance(ms: number): void;
}

/** A clock that stands still until told otherwise. */
export const testClock = (start: Date = new Date('2026-01-01T00:00:00Z')): TestClock => {
  let current = start.getTime();
  return {
    now: () => new Date(current),
    set: (at) => {
      current = at.getTime();
    },
    advance: (ms) => {
      current += ms;
    },
  };
};

export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

export const addMs = (at: Date, ms: number): Date => new Date(at.getTime() + ms);
