/**
 * Preloaded into every test file by tools/test.ts: a file that never ends (a server or timer left open, a hook that waits for
 * ever) would hold up the whole run without a word. Its own timer keeps nothing alive.
 */
const limitMs = Number(process.env['TEST_FILE_LIMIT_MS']);

// Only the processes of the files, not the one that counts them.
if (process.env['NODE_TEST_CONTEXT'] !== undefined && limitMs > 0) {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo();
    process.stderr.write(`${process.argv[1]} did not end within ${limitMs / 1_000} s; still open: ${open.join(', ')}\n`);
    process.exit(1);
  }, limitMs).unref();
}
