import { fakeBooks } from './fake-books.ts';
import { booksContract, underTest } from './books.contract.ts';

const books = fakeBooks();
booksContract('fake books', () => underTest(books));
