/** An error that this server can return. `docs/errors.md` and the `/errors/` pages are generated from these rows. */
export type Row = {
  status: number;
  /** the last segments of the URL in `error.type` */
  type: string;
  title: string;
  /** one sentence for the documentation: when it happens */
  when: string;
  /** one sentence for the documentation: what to do */
  fix: string;
};
