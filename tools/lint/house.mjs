/**
 * House rules that no ready-made lint rule covers. Loaded by oxlint (.oxlintrc.json), switched on there for the folders that they are about.
 */

/** `new Date()` and `Date()` read the clock as much as `Date.now()` does; `new Date(value)` only converts. */
const noCurrentDate = {
  meta: { type: 'problem', docs: { description: 'domain and app take the time as an argument or from a Clock' } },
  create: (context) => {
    const report = (node) => context.report({ node, message: 'Reads the clock: take the time as an argument, or from a Clock.' });
    const isDate = ({ type, name }) => type === 'Identifier' && name === 'Date';
    return {
      NewExpression: (node) => {
        if (isDate(node.callee) && node.arguments.length === 0) report(node);
      },
      CallExpression: (node) => {
        if (isDate(node.callee)) report(node);
      },
    };
  },
};

/** node:test follows no promises here (tools/test-preload.ts): what is declared after an `await` would belong to the file, without the suite's hooks. */
const noAsyncSuite = {
  meta: { type: 'problem', docs: { description: 'suites are declared synchronously' } },
  create: (context) => ({
    CallExpression: ({ callee, arguments: given }) => {
      const name = callee.type === 'MemberExpression' ? callee.object.name : callee.name;
      const last = given.at(-1);
      if ((name === 'describe' || name === 'suite') && last?.async === true)
        context.report({ node: last, message: 'Declare the suite synchronously, and put what is waited for into before().' });
    },
  }),
};

export default { meta: { name: 'house' }, rules: { 'no-current-date': noCurrentDate, 'no-async-suite': noAsyncSuite } };
