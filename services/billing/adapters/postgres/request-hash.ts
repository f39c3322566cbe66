import { hash } from 'node:crypto';

/** What is kept of a keyed request: enough to notice another one, nothing of what it said. */
export const requestHash = (request: string): Buffer => hash('sha256', request, 'buffer');
