import { testPrincipalKey } from '#platform/testing/index.ts';
import { startBillingStub } from '../../testing/billing-stub.ts';
import { fakeLedger } from '../../testing/fake-ledger.ts';
import { ledgerContract } from '../../testing/ledger.contract.ts';
import { billingLedger } from './ledger.ts';

ledgerContract('fake', () => {
  const ledger = fakeLedger();
  return Promise.resolve({
    ledger,
    setBalance: (micros) => {
      ledger.balanceMicros = micros;
    },
    failNext: (fault) => void ledger.faults.push(fault),
    close: () => Promise.resolve(),
  });
});

ledgerContract('billing over gRPC', async () => {
  const stub = await startBillingStub();
  const ledger = billingLedger({ address: stub.address, principalKey: testPrincipalKey });
  return {
    ledger,
    setBalance: (micros) => {
      stub.ledger.balanceMicros = micros;
    },
    // The client repeats a call that found nobody: every attempt of this call must fail.
    failNext: (fault) => void stub.ledger.faults.push(...(fault === 'unavailable' ? Array(3).fill(fault) : [fault])),
    close: async () => {
      await ledger.close();
      await stub.close();
    },
  };
});
