import { constants, type Database } from "bun:sqlite";

/**
 * Allows reads when the disk is full. Sorting uses memory instead of temporary files. The write-ahead log and its index
 * are kept when the database is closed, since reopening it would need disk space to create them.
 */
export function allowReadsOnFullDisk(connection: Database): void {
  connection.run("pragma temp_store = memory");
  connection.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
}
