import assert from 'node:assert/strict';
import test from 'node:test';
import { redactPath, redactUrl } from './redact-url.ts';

test('queries, secrets and numbers do not reach the collector; words and ids do', () => {
  const table: [string, string][] = [
    ['/v2/verifications/ver_01hqv3m8x2k5r7t9w0y1z2a3b4', '/v2/verifications/ver_01hqv3m8x2k5r7t9w0y1z2a3b4'],
    ['/v2/holds/0192d3a0-0000-7000-8000-000000000001?x=1', '/v2/holds/0192d3a0-0000-7000-8000-000000000001'],
    ['/v2/callbacks/providers/handler-api/s3cr3t-0123456789', '/v2/callbacks/providers/handler-api/…'],
    ['/stubs/handler_api.php?api_key=abc&action=getNumber', '/stubs/handler_api.php'],
    ['/lookup/447700900123', '/lookup/…'],
    ['/', '/'],
  ];
  for (const [path, expected] of table) assert.equal(redactPath(path), expected);
  assert.equal(redactUrl('http://user:pass@host:8080/stubs/handler_api.php?api_key=abc#x'), 'http://host:8080/stubs/handler_api.php');
  assert.equal(redactUrl('not a url'), '…');
});
