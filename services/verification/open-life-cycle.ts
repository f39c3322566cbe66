import type { BoundService } from '#platform/grpc/index.ts';
import { lifeCycleService } from './adapters/grpc/lifecycle.ts';
import { requestAnother } from './app/another/request-another.ts';
import { exportVerifications } from './app/history/export-verifications.ts';
import { listChanges } from './app/history/list-changes.ts';
import { listMessages } from './app/history/list-messages.ts';
import { listVerifications } from './app/list-verifications.ts';
import type { Ports } from './app/ports.ts';
import type { RouteCodes } from './app/routing/ports.ts';
import { reportNumber } from './app/report/report-number.ts';
import { retryVerification } from './app/retry/retry-verification.ts';

/** Part of the composition root: what can be done with a number besides waiting and cancelling. */
export const openLifeCycle = (ports: Ports, codes: RouteCodes): BoundService => {
  const useCases = {
    requestAnother: requestAnother(ports),
    retryVerification: retryVerification(ports),
    reportNumber: reportNumber(ports),
    listMessages: listMessages(ports),
    listChanges: listChanges(ports),
    listVerifications: listVerifications(ports),
    exportVerifications: exportVerifications(ports),
  };
  return lifeCycleService(useCases, codes);
};
