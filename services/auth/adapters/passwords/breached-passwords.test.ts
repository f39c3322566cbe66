import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadBreachedPasswords } from './breached-passwords.ts';

test('the list is there, in lower case, and holds what everybody tries first', () => {
  const breached = loadBreachedPasswords();
  assert.ok(breached.size > 15_000, `${breached.size} passwords`);
  for (const password of ['password', '12345678', 'password1', 'qwertyuiop', 'iloveyou1', 'football'])
    assert.ok(breached.has(password), password);
  for (const password of breached) assert.ok(password.length >= 8 && password === password.toLowerCase());
});
