import { platformMigration } from '#platform/postgres/index.ts';
import { ledgerTables } from './0001-ledger.ts';
import { ledgerFunctions } from './0002-functions.ts';
import { payments } from './0003-payments.ts';
import { clearing } from './0004-clearing.ts';
import { chart } from './0010-chart.ts';
import { credits } from './0011-credits.ts';
import { batches } from './0012-batches.ts';
import { chain } from './0013-chain.ts';
import { attempts } from './0020-attempts.ts';
import { statements } from './0021-statements.ts';
import { disputes } from './0022-disputes.ts';
import { paymentMethods } from './0023-payment-methods.ts';
import { prices } from './0030-prices.ts';
import { plans } from './0040-plans.ts';
import { usage } from './0050-usage.ts';
import { spending } from './0051-spending.ts';
import { alerts } from './0052-alerts.ts';
import { transactions } from './0060-transactions.ts';
import { documents } from './0061-documents.ts';
import { audits } from './0062-audits.ts';
import { adjustments } from './0070-adjustments.ts';
import { actorsAndBudgets } from './0080-actors-and-budgets.ts';
import { providerCosts } from './0081-provider-costs.ts';
import { holdParts } from './0100-hold-parts.ts';
import { sealByKey } from './0109-seal-by-key.ts';
import { fasterBatches } from './0110-faster-batches.ts';
import { planActs } from './0116-plan-acts.ts';
import { flatBatches } from './0120-flat-batches.ts';
import { blocksOfRecords } from './0125-blocks-of-records.ts';
import { ledgerCorrections } from './0126-ledger-corrections.ts';
import { paymentsToTheEnd } from './0127-payments-to-the-end.ts';
import { volumeWithoutPlans } from './0128-volume-without-plans.ts';
import { calendarsAndCorrections } from './0129-calendars-and-corrections.ts';
import { holdsOfNothing } from './0130-holds-of-nothing.ts';
import { banksDecideAgain } from './0135-banks-decide-again.ts';
import { receiptsOfAllPayments } from './0136-receipts-of-all-payments.ts';
import { writtenBefore } from './0131-written-before.ts';
import { orderOfPauses } from './0137-order-of-pauses.ts';

export const migrations = [
  platformMigration,
  ledgerTables,
  ledgerFunctions,
  payments,
  clearing,
  chart,
  credits,
  batches,
  chain,
  attempts,
  statements,
  disputes,
  paymentMethods,
  prices,
  plans,
  usage,
  spending,
  alerts,
  transactions,
  documents,
  audits,
  adjustments,
  holdParts,
  actorsAndBudgets,
  providerCosts,
  fasterBatches,
  sealByKey,
  flatBatches,
  planActs,
  blocksOfRecords,
  ledgerCorrections,
  paymentsToTheEnd,
  volumeWithoutPlans,
  calendarsAndCorrections,
  holdsOfNothing,
  banksDecideAgain,
  receiptsOfAllPayments,
  writtenBefore,
  orderOfPauses,
];
