//! Comma-separated values that no spreadsheet runs (S48).

/// A table that is written row by row.
pub struct Table {
    text: String,
    rows: usize,
}

impl Table {
    /// Begins with the header. A byte order mark tells spreadsheets that it is UTF-8.
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Self { text: "\u{feff}".to_owned(), rows: 0 };
        table.line(columns.iter().copied());
        table
    }

    /// Adds a row.
    pub fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        self.line(cells.iter().map(AsRef::as_ref));
        self.rows += 1;
    }

    /// Rows so far, without the header.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The text since the last call: a long table goes out in parts.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn line<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        for (at, value) in cells.enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.cell(value);
        }
        self.text.push_str("\r\n");
    }

    fn cell(&mut self, value: &str) {
        // A leading formula character makes spreadsheets calculate; an apostrophe makes them show the text.
        let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if !formula && !value.contains([',', '"', '\n', '\r']) {
            self.text.push_str(value);
            return;
        }
        self.text.push('"');
        if formula {
            self.text.push('\'');
        }
        self.text.push_str(&value.replace('"', "\"\""));
        self.text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_spreadsheet_would_calculate_is_left_bare_s48() {
        let mut table = Table::new(&["a", "b"]);
        table.row(&["=1+1", "plain"]);
        table.row(&["+49 123", "-x"]);
        table.row(&["@SUM(A1)", "\tx"]);
        table.row(&["a,\"b\"", "two\nlines"]);
        assert_eq!(table.rows(), 4);
        let text = table.take();
        assert_eq!(table.take(), "", "what went out does not go out again");
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(lines[1], "\"'=1+1\",plain");
        assert_eq!(lines[2], "\"'+49 123\",\"'-x\"");
        assert_eq!(lines[3], "\"'@SUM(A1)\",\"'\tx\"");
        assert_eq!(lines[4], "\"a,\"\"b\"\"\",\"two\nlines\"");
    }
}
