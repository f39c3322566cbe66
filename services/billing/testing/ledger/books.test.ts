import { fakeBooks } from './fake-books.ts';
import { booksContract } from './books.contract.ts';

const books = fakeBooks();
booksContract('fake books', () => books);
