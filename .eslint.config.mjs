import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'node_modules/', 'coverage/'] },
  {
    files: ['src/**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname ?? new URL('.', import.meta.url).pathname } },
    rules: {
      // Numbers and unions of literals in messages are what one wants to see there.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Arrow shorthand for one-statement callbacks.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Indexes of typed arrays that were checked, where `undefined` cannot be.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // The way down: a folder imports from lower levels only.
    files: ['src/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { paths: [{ name: 'uWebSockets.js', message: 'only src/worker/uws-listener.ts imports the listener' }] }],
    },
  },
  { files: ['src/worker/uws-listener.ts', 'src/worker/exchange.ts', 'src/worker/corked.ts', 'src/worker/downstream-socket.ts', 'src/worker/websocket.ts'], rules: { 'no-restricted-imports': 'off' } },
);
