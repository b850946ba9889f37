//! Two ledgers that are wrong: every way in which a row can't be read, once each.
//!
//! The number of an invoice says what is wrong with its row, so that a report can be read beside the
//! file. `GOOD-…` rows stand between them: with `--skip-bad` these, and no others, are imported.

/// All that is wrong row by row. The line without anything is not a row, and no fault; the one with
/// nothing but commas is.
pub const LEDGER: &str = "\
client,client_name,contact_email,class,invoice,kind,service_line,issued,due,currency,amount,paid,paid_on,disputed
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,GOOD-1,regular,tax,2026-07-01,2026-07-31,USD,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,BAD-DATE,regular,tax,July 1st,,USD,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,IMPOSSIBLE-DATE,regular,tax,2026-02-30,,USD,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,IMPOSSIBLE-US-DATE,regular,tax,13/45/2026,,USD,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,UNKNOWN-CURRENCY,regular,tax,2026-07-01,,XYZ,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,CURRENCY-IN-WORDS,regular,tax,2026-07-01,,dollar,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,NEGATIVE,regular,tax,2026-07-01,,USD,-120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,TOO-FINE,regular,tax,2026-07-01,,USD,120.005,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,TOO-FINE-FOR-YEN,regular,tax,2026-07-01,,JPY,120.5,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,FLOAT,regular,tax,2026-07-01,,USD,1e3,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,THOUSANDS,regular,tax,2026-07-01,,USD,\"1,200.00\",,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,TOO-LARGE,regular,tax,2026-07-01,,USD,99999999999999999999999.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,NO-AMOUNT,regular,tax,2026-07-01,,USD,,,,
,Good Neighbor Hardware,books@good-neighbor.example,default,NO-CLIENT,regular,tax,2026-07-01,,USD,120.00,,,
c#101,Good Neighbor Hardware,books@good-neighbor.example,default,CLIENT-WITH-HASH,regular,tax,2026-07-01,,USD,120.00,,,
c-101,No Invoice Number,books@good-neighbor.example,default,,regular,tax,2026-07-01,,USD,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,NO-ISSUE-DATE,regular,tax,,2026-07-31,USD,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,DUE-BEFORE-ISSUED,regular,tax,2026-07-01,2026-06-30,USD,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,UNKNOWN-KIND,monthly,tax,2026-07-01,,USD,120.00,,,
c-101,Good Neighbor Hardware,not an address,default,BAD-EMAIL,regular,tax,2026-07-01,,USD,120.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,GOOD-1,regular,tax,2026-07-01,2026-07-31,USD,125.00,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,PAID-TOO-MUCH,regular,tax,2026-07-01,,USD,120.00,120.01,2026-07-20,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,PAID-NEGATIVE,regular,tax,2026-07-01,,USD,120.00,-1.00,2026-07-20,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,PAID-ON-NO-DAY,regular,tax,2026-07-01,,USD,120.00,50.00,2026-06-31,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,BAD-DISPUTED,regular,tax,2026-07-01,,USD,120.00,,,maybe

,,,,,,,,,,,,,
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,TOO-FEW-COLUMNS,regular,tax,2026-07-01
c-101,Good Neighbor Hardware,books@good-neighbor.example,default,TOO-MANY-COLUMNS,regular,tax,2026-07-01,,USD,120.00,,,no,extra
c-102,Second Street Deli,deli@second-street.example,default,GOOD-2,regular,bookkeeping,7/15/2026,,USD,80.00,30.00,8/1/2026,no
";

/// A ledger in Latin-1, as an old spreadsheet saves it: the second row is not UTF-8.
pub const ENCODING: &[u8] = b"\
client,client_name,invoice,issued,amount\n\
c-101,Good Neighbor Hardware,GOOD-1,2026-07-01,120.00\n\
c-103,B\xe4ckerei am Markt,NOT-UTF-8,2026-07-01,64.00\n\
c-102,Second Street Deli,GOOD-2,2026-07-15,80.00\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_fault_once() {
        let mut faults: Vec<&str> =
            LEDGER.lines().skip(1).filter_map(|line| line.split(',').nth(4)).collect();
        faults.retain(|invoice| !invoice.is_empty() && !invoice.starts_with("GOOD"));
        let count = faults.len();
        faults.sort_unstable();
        faults.dedup();
        assert_eq!(faults.len(), count);
        let bad =
            ENCODING.split(|&byte| byte == b'\n').filter(|line| std::str::from_utf8(line).is_err());
        assert_eq!(bad.count(), 1);
    }
}
