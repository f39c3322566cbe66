import type { Clock } from '#platform/time/index.ts';
import { receiptOf } from '../../domain/documents/document.ts';
import { issueDocument, occasionOf } from './issue.ts';
import { leavingOut } from '../leaving-out.ts';
import type { DocumentTransactions, Issuer } from './ports.ts';

/** The counter of numbers is locked for this many at once. */
const batch = 20;

/** A receipt for each payment that has succeeded, once; one that cannot be issued keeps no other waiting. @returns how many were issued */
export const issueReceipts =
  ({ documents, issuer, clock }: { readonly documents: DocumentTransactions; readonly issuer: Issuer; readonly clock: Clock }) =>
  (): Promise<number> =>
    leavingOut((leftOut, at) =>
      documents.run(async (unit) => {
        const due = await unit.takeDuePayments(batch, leftOut);
        for (const payment of due) {
          at(payment.id);
          const details = await unit.details(payment.tenantId);
          const occasion = await occasionOf(unit, issuer, { details, currency: payment.currency, issuedAt: clock.now() });
          await issueDocument(unit, issuer, payment.tenantId, receiptOf(occasion, payment));
        }
        return due.length;
      }),
    );
