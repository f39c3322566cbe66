import { carrierContract } from './carrier.contract.ts';
import { fakeCarrier } from './fake-carrier.ts';

carrierContract('fake', () => {
  const carrier = fakeCarrier();
  return Promise.resolve({
    carrier,
    answer: (answer) => {
      carrier.answerPart = answer;
    },
    cut: () => {
      carrier.ready = false;
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});
