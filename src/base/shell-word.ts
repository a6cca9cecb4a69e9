/** `word` as a shell takes it for one word and nothing else: what is told to be pasted may come from others. */
export function shellWord(word: string): string {
  return /^[\w./:@=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
