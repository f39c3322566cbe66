import { fakeBooks } from '../ledger/fake-books.ts';
import { fakeNotifications, fakePayments } from './fake-payments.ts';
import { paymentsContract } from './payments.contract.ts';

const books = fakeBooks();
const fake = { payments: fakePayments(books), notifications: fakeNotifications(), wallets: books };
paymentsContract('fake payments', () => [fake, fake], Number(process.env['SEED'] ?? Date.now() % 1_000_000_000));
