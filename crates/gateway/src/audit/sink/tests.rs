#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

fn at(path: &Path) -> Sink {
    let (sink, opened) = Sink::open(AuditSink::File(path.to_owned()));
    opened.unwrap();
    sink
}

fn add(sink: &mut Sink, text: &str) {
    sink.pending().extend_from_slice(text.as_bytes());
}

#[test]
fn lines_are_added_to_a_file_that_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for text in ["one\n", "two\nthree\n"] {
        let mut sink = at(&path);
        add(&mut sink, text);
        assert_eq!(sink.lines_left(), text.matches('\n').count() as u64);
        sink.flush().unwrap();
        assert_eq!(sink.lines_left(), 0);
        sink.flush().unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_line_that_a_crash_tore_is_ended_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fs::write(&path, "whole\nto").unwrap();
    let mut sink = at(&path);
    sink.flush().unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "whole\nto",
        "nothing to write, nothing written"
    );
    add(&mut sink, "next\n");
    sink.flush().unwrap();
    add(&mut sink, "last\n");
    sink.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nto\nnext\nlast\n");
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1"));
    let mut sink = at(&path);
    add(&mut sink, "one\n");
    sink.flush().unwrap();
    fs::rename(&path, &moved).unwrap();
    add(&mut sink, "two\n");
    sink.flush().unwrap();
    sink.open_again().unwrap();
    add(&mut sink, "three\n");
    sink.flush().unwrap();
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
}

/// What a write leaves that ended in the middle of a line, as on a disk that is full.
fn half_written(sink: &mut Sink, text: &str, written: usize) {
    add(sink, text);
    let mut file = sink.file.take().unwrap();
    file.write_all(&text.as_bytes()[..written]).unwrap();
    sink.file = Some(file);
    sink.written = written;
}

#[test]
fn a_half_written_line_is_finished_in_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut sink = at(&path);
    half_written(&mut sink, "one\ntwo\nthree\n", 6);
    assert_eq!(sink.lines_left(), 2);
    sink.open_again().unwrap();
    sink.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
}

#[test]
fn a_half_written_line_is_written_anew_in_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("audit.jsonl"), folder.path().join("audit.1"));
    let mut sink = at(&path);
    half_written(&mut sink, "one\ntwo\nthree\n", 6);
    fs::rename(&path, &moved).unwrap();
    sink.open_again().unwrap();
    sink.flush().unwrap();
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntw");
    assert_eq!(fs::read_to_string(&path).unwrap(), "two\nthree\n");
}

#[test]
fn where_somebody_else_wrote_meanwhile_the_line_begins_anew_on_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut sink = at(&path);
    half_written(&mut sink, "one\ntwo\n", 6);
    fs::write(&path, "of another process\nto").unwrap();
    sink.open_again().unwrap();
    sink.flush().unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "of another process\nto\ntwo\n"
    );
}

#[test]
fn a_full_disk_keeps_the_lines_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let mut sink = at(&path);
    add(&mut sink, "one\ntwo\n");
    assert_eq!(sink.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
    sink.open_again().unwrap();
    assert!(sink.flush().is_err());
    assert_eq!(sink.lines_left(), 2);
    fs::remove_file(&path).unwrap();
    sink.open_again().unwrap();
    sink.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
}

#[test]
fn a_file_that_cannot_be_opened_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/audit.jsonl");
    let (mut sink, opened) = Sink::open(AuditSink::File(path.clone()));
    assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::NotFound);
    add(&mut sink, "one\n");
    assert!(sink.flush().is_err());
    assert!(sink.open_again().is_err());
    fs::create_dir(folder.path().join("missing")).unwrap();
    sink.open_again().unwrap();
    sink.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
}
