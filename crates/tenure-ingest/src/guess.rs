//! A mapping proposed from the beginning of a file.

use std::io::BufRead;

use tenure_core::Zone;

use crate::csv::{Cells, Records};
use crate::encoding::{Encoding, foreign, head};
use crate::error::ReadError;
use crate::lines::Lines;
use crate::mapping::amount::Digits;
use crate::time_format::TimeFormat;

/// How much of a file is looked at.
const LOOKED_AT: u64 = 1 << 18;
/// How many rows are looked at.
const ROWS: usize = 200;

/// A proposal for the mapping of a CSV file, made from its header and its first rows.
///
/// It can be read as a mapping at once, and says in comments what was found and what nobody but the owner of the file can
/// know: the zone, the currency, the sense of a kind.
///
/// # Example
/// ```
/// use tenure_ingest::{Guess, Mapping};
/// let file = "订单号;客户编号;下单时间;金额\nA1;u7;2024/05/01 08:30;1.234,50\nA2;u8;2024/05/02 09:00;20,00\n";
/// let guess = Guess::of(file.as_bytes(), "orders")?;
/// let text = guess.to_toml();
/// assert!(text.contains("delimiter = \";\"") && text.contains("decimal = \",\""));
/// assert!(text.contains("column = \"客户编号\"") && text.contains("\"%Y/%m/%d %H:%M\""));
/// Mapping::parse("guess.toml", &text)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Guess {
    toml: String,
    notes: Vec<String>,
}

/// What a column may be for, and the words that say so in its name, the plainest first.
const CUSTOMER: &[&str] = &[
    "customer_id",
    "customerid",
    "customer",
    "client",
    "buyer",
    "user_id",
    "userid",
    "user",
    "member",
    "account",
    "客户编号",
    "客户id",
    "客户",
    "会员",
    "买家",
    "用户",
    "顾客",
];
const ORDER: &[&str] = &[
    "order_id",
    "orderid",
    "order_no",
    "order_number",
    "order",
    "invoice",
    "transaction_id",
    "receipt",
    "订单号",
    "订单编号",
    "订单",
    "单号",
    "交易号",
];
const TIME: &[&str] = &[
    "order_date",
    "occurred_at",
    "created_at",
    "paid_at",
    "date",
    "time",
    "timestamp",
    "datum",
    "下单时间",
    "付款时间",
    "支付时间",
    "交易时间",
    "时间",
    "日期",
];
const AMOUNT: &[&str] = &[
    "amount",
    "total",
    "revenue",
    "sum",
    "paid",
    "betrag",
    "value",
    "实付金额",
    "订单金额",
    "金额",
    "实付",
    "总价",
    "合计",
];
const PRICE: &[&str] = &["unit_price", "unitprice", "price", "preis", "单价", "价格"];
const QUANTITY: &[&str] = &["quantity", "qty", "pieces", "units", "menge", "数量", "件数"];
const ARTICLE: &[&str] =
    &["sku", "stock_code", "stockcode", "product_id", "article", "item", "商品编号", "商品", "货号"];
const CURRENCY: &[&str] = &["currency", "waehrung", "währung", "币种", "货币"];

/// Ways to write times, those that say most first.
const FORMATS: &[&str] = &[
    "rfc3339",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%Y%m%d",
    "unix_ms",
    "unix",
];

/// A proposal while it is written.
#[derive(Default)]
struct Proposal {
    text: String,
    notes: Vec<String>,
}

impl Proposal {
    fn put(&mut self, text: &str) {
        self.text += text;
    }

    /// Says in the text and beside it what has to be checked.
    fn check(&mut self, note: String) {
        self.put("# CHECK: ");
        self.put(&note);
        self.put(".\n");
        self.notes.push(note);
    }
}

/// The header and the first rows of a file, as one separator cuts them.
struct Sample {
    delimiter: u8,
    header: Vec<String>,
    rows: Vec<Cells>,
}

impl Guess {
    /// Looks at the beginning of a file. `name` becomes the name of the mapping, which may be changed.
    ///
    /// # Errors
    /// [`ReadError::Foreign`] for what is no text, [`ReadError::NoHeader`] for an empty file, [`ReadError::Unguessed`]
    /// where no column looks like a time or a customer, [`ReadError::Io`].
    pub fn of(input: impl BufRead, name: &str) -> Result<Self, ReadError> {
        let start = head(input, LOOKED_AT).map_err(|source| ReadError::Io { line: 1, source })?;
        if let Some(what) = foreign(&start) {
            return Err(ReadError::Foreign { what });
        }
        if start.trim_ascii_start().starts_with(b"{") {
            return Err(ReadError::Unguessed {
                why: "it begins like JSON lines, which need no mapping file: --map jsonl or --map segment_jsonl".into(),
            });
        }
        // The last line may be cut in two, in the middle of a character.
        let cut = start.len() as u64 == LOOKED_AT;
        let whole = match start.iter().rposition(|byte| *byte == b'\n') {
            Some(end) if cut => start.get(..end).unwrap_or(&start),
            _ => &start,
        };
        let encoding = if core::str::from_utf8(whole).is_ok() {
            Encoding::Utf8
        } else if Encoding::Gb18030.decode(whole.to_vec()).is_ok() {
            Encoding::Gb18030
        } else {
            return Err(ReadError::Unguessed { why: "it is neither UTF-8 nor GB 18030".into() });
        };
        let samples = [b',', b';', b'\t', b'|'].map(|delimiter| Sample::of(whole, encoding, delimiter));
        let best = samples.into_iter().flatten().max_by_key(Sample::fit);
        match best {
            Some(sample) => sample.guess(name, encoding),
            None => Err(ReadError::NoHeader),
        }
    }

    /// The proposal: a mapping file with comments.
    pub fn to_toml(&self) -> String {
        self.toml.clone()
    }

    /// What was guessed and has to be checked.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(String::as_str)
    }
}

impl Sample {
    fn of(bytes: &[u8], encoding: Encoding, delimiter: u8) -> Option<Self> {
        let mut records = Records::new(Lines::new(bytes, encoding), delimiter);
        let header = records.next().ok()??.cells.ok()?;
        let mut rows = Vec::new();
        while rows.len() < ROWS {
            let Ok(Some(record)) = records.next() else { break };
            rows.extend(record.cells);
        }
        Some(Self { delimiter, header: header.iter().map(str::to_owned).collect(), rows })
    }

    /// How well the separator fits: more than one column, and rows as wide as the header.
    fn fit(&self) -> (bool, usize, usize) {
        let even = self.rows.iter().filter(|row| row.len() == self.header.len()).count();
        (self.header.len() > 1, even, self.header.len())
    }

    /// The cells of a column that are not empty.
    fn cells(&self, column: usize) -> impl Iterator<Item = &str> + Clone {
        self.rows.iter().map(move |row| row.cell(column)).filter(|cell| !cell.is_empty())
    }

    /// The column whose name fits one of the words best and whose cells are as `is` says.
    fn find(&self, words: &[&str], taken: &[usize], is: impl Fn(usize) -> bool) -> Option<usize> {
        let plain = |text: &str| text.trim().to_lowercase().replace([' ', '-'], "_");
        let free = |at: &usize| !taken.contains(at) && is(*at);
        let named = |test: &dyn Fn(&str, &str) -> bool| {
            words.iter().find_map(|word| {
                let mut names = self.header.iter().enumerate();
                names.find(|(at, name)| test(&plain(name), word) && free(at)).map(|(at, _)| at)
            })
        };
        named(&|name, word| name == word).or_else(|| named(&|name, word| name.contains(word)))
    }

    fn time_of(&self, column: usize) -> Option<&'static str> {
        self.cells(column).next()?;
        FORMATS.iter().copied().find(|format| {
            let read = TimeFormat::new(format, Some(Zone::UTC)).or_else(|_| TimeFormat::new(format, None));
            read.is_ok_and(|read| self.cells(column).all(|cell| read.read(cell).is_ok()))
        })
    }

    /// How the numbers of a column are written.
    fn digits_of(&self, column: usize) -> Option<(char, Option<char>)> {
        self.cells(column).next()?;
        let ways = [
            ('.', None),
            (',', None),
            ('.', Some(',')),
            (',', Some('.')),
            (',', Some(' ')),
            (',', Some('\u{a0}')),
        ];
        ways.into_iter().find(|(decimal, thousands)| {
            let digits = Digits::new(*decimal, *thousands);
            self.cells(column).all(|cell| digits.plain(cell).is_ok())
        })
    }

    fn name(&self, column: usize) -> String {
        let name = self.header.get(column).map_or("", String::as_str);
        toml::Value::String(name.to_owned()).to_string()
    }

    fn guess(&self, name: &str, encoding: Encoding) -> Result<Guess, ReadError> {
        let missing = |what: &str| {
            let names: Vec<_> = self.header.iter().map(|name| format!("\"{name}\"")).collect();
            let why = format!("no column looks like {what}; the file has {}", names.join(", "));
            ReadError::Unguessed { why: why.into() }
        };
        let any = |_| true;
        let timed = |at| self.time_of(at).is_some();
        let time = self.find(TIME, &[], timed).or_else(|| {
            // A number may be a time, but only one whose name says so.
            (0..self.header.len())
                .find(|at| self.time_of(*at).is_some_and(|format| !format.starts_with("unix")))
        });
        let time = time.ok_or_else(|| missing("a time"))?;
        let customer = self.find(CUSTOMER, &[time], any).ok_or_else(|| missing("a customer"))?;
        let order = self.find(ORDER, &[time, customer], any);
        let used: Vec<usize> = [Some(time), Some(customer), order].into_iter().flatten().collect();
        let number = |at| self.digits_of(at).is_some();
        let amount = self.find(AMOUNT, &used, number);
        let product = self.find(PRICE, &used, number).zip(self.find(QUANTITY, &used, number));
        let article = self.find(ARTICLE, &used, any);

        let mut out = Proposal::default();
        out.put("# A proposal, made from the header and the first rows. Lines with CHECK need your eyes.\n");
        out.put(&format!("name = {}\n", toml::Value::String(name.to_owned())));
        out.check("the namespace is part of every customer's id: name your shop".into());
        out.put("namespace = \"shop\"\n");
        if self.delimiter != b',' {
            out.put(&format!(
                "delimiter = {}\n",
                toml::Value::String(char::from(self.delimiter).to_string())
            ));
        }
        if encoding != Encoding::Utf8 {
            out.check(format!("the file is no UTF-8 and reads as {}", encoding.name()));
            out.put(&format!("encoding = \"{}\"\n", encoding.name()));
        }
        out.check("every row is taken for an order; a column may say the kind instead".into());
        out.put("kind = \"order_placed\"\n");
        let grouped = order.filter(|order| {
            let mut known = std::collections::BTreeSet::new();
            article.is_some() && self.cells(*order).any(|cell| !known.insert(cell))
        });
        if let Some(order) = grouped {
            out.check("order numbers repeat, so rows are taken for lines of orders".into());
            out.put(&format!("group_by = [{}]\n", self.name(order)));
        } else if let Some(order) = order {
            out.check("an order number is taken to be there once; leave id_from out if it is not".into());
            out.put(&format!("id_from = [{}]\n", self.name(order)));
        }
        out.put("\n[customer]\n");
        let mail = self.cells(customer).any(|cell| cell.contains('@'));
        if mail {
            out.check("the column holds e-mail addresses: customers are known by a hash of them".into());
        }
        out.put(&format!("column = {}\n", self.name(customer)));
        if mail {
            out.put("pseudonym = true\n");
        }
        let format = self.time_of(time).unwrap_or("rfc3339");
        out.put("\n[occurred_at]\n");
        if format.starts_with("%d/%m") || format.starts_with("%m/%d") {
            out.check("the order of day and month".into());
        }
        out.put(&format!("column = {}\nformat = \"{format}\"\n", self.name(time)));
        if TimeFormat::new(format, None).is_err() {
            let chinese =
                self.header.iter().any(|name| name.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)));
            out.check("the zone of the shop's clock".into());
            out.put(&format!("zone = \"{}\"\n", if chinese { "Asia/Shanghai" } else { "UTC" }));
        }
        // A price and pieces are the amount of a line; a total beside them may be the order's.
        let product = product.filter(|_| amount.is_none() || grouped.is_some());
        self.amount(&mut out, amount, product, &used);
        if let Some(order) = order {
            out.put(&format!("\n[subject]\ncolumn = {}\n", self.name(order)));
        }
        if let Some((article, quantity)) = article.zip(self.find(QUANTITY, &used, number)) {
            out.put(&format!(
                "\n[lines]\nsku = {{ column = {} }}\nquantity = {{ column = {} }}\n",
                self.name(article),
                self.name(quantity)
            ));
        }
        out.put(
            "\n# Rows without a customer go to the quarantine.\n[[rule]]\nreason = \"missing_customer\"\n",
        );
        out.put(&format!("column = {}\nis = \"empty\"\nthen = \"quarantine\"\n", self.name(customer)));
        Ok(Guess { toml: out.text, notes: out.notes })
    }

    /// The `[amount]` of a proposal.
    fn amount(
        &self,
        out: &mut Proposal,
        amount: Option<usize>,
        product: Option<(usize, usize)>,
        used: &[usize],
    ) {
        let Some(at) = product.map(|(price, _)| price).or(amount) else { return };
        out.put("\n[amount]\n");
        match product {
            Some((price, quantity)) => {
                out.put(&format!("price = {}\nquantity = {}\n", self.name(price), self.name(quantity)));
            }
            None => out.put(&format!("column = {}\n", self.name(at))),
        }
        if let Some(column) = self.find(CURRENCY, used, |_| true) {
            out.put(&format!("currency_column = {}\n", self.name(column)));
        } else {
            let currency = self.currency_in(at);
            out.check(format!("no column names the currency; {currency} is a guess"));
            out.put(&format!("currency = \"{currency}\"\n"));
        }
        if let Some((decimal, thousands)) = self.digits_of(at) {
            if decimal == ',' {
                out.check("numbers are read with a decimal comma".into());
                out.put("decimal = \",\"\n");
            }
            if let Some(mark) = thousands {
                out.put(&format!("thousands = \"{mark}\"\n"));
            }
        }
    }

    /// A currency that the name of the column says, else that of the language of the header.
    fn currency_in(&self, column: usize) -> &'static str {
        let name = self.header.get(column).map(|name| name.to_uppercase()).unwrap_or_default();
        let known =
            ["USD", "EUR", "GBP", "CNY", "JPY", "CHF", "HKD"].into_iter().find(|code| name.contains(code));
        let chinese = name.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        known.unwrap_or(if chinese { "CNY" } else { "USD" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mapping, Options, Rows};

    #[test]
    fn a_proposal_is_a_mapping_that_reads_the_file_it_was_made_from() {
        for (file, facts, parts) in [
            (
                "order_id,customer_id,order_date,amount\n1,a,2024-05-01,14.77\n2,b,2024-05-02,3\n",
                2,
                &["id_from = [\"order_id\"]", "%Y-%m-%d"][..],
            ),
            (
                "订单号\t客户编号\t下单时间\t金额\nA1\tu7\t2024-05-01 08:30:00\t14.77\n",
                1,
                &["Asia/Shanghai", "\"CNY\"", "delimiter = \"\\t\""],
            ),
            (
                "Datum;Kunde;Customer;Betrag\n31.12.2024;x;a;1.234,50\n",
                1,
                &["%d.%m.%Y", "decimal = \",\"", "thousands = \".\""],
            ),
            (
                "invoice,sku,qty,date,unit price,customer\n1,x,2,01/31/2024,2.55,a\n1,y,1,01/31/2024,1,a\n",
                1,
                &["group_by = [\"invoice\"]", "%m/%d/%Y", "price = \"unit price\"", "day and month"],
            ),
            ("email,at,total\na@b.cn,1714557600,1\n", 1, &[]),
        ] {
            let guess = match Guess::of(file.as_bytes(), "file") {
                Ok(guess) => guess,
                // A number is no time, and an address is no customer, without a name that says so.
                Err(error) => {
                    assert!(parts.is_empty() && error.to_string().contains("looks like"), "{error}");
                    continue;
                }
            };
            let text = guess.to_toml();
            for part in parts {
                assert!(text.contains(part), "{part} is not in\n{text}");
            }
            let mapping = Mapping::parse("guess", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            let rows = Rows::csv(file.as_bytes(), &mapping, &Options::default()).unwrap();
            let rows: Vec<_> = rows.map(Result::unwrap).collect();
            assert_eq!(rows.iter().filter_map(crate::Row::fact).count(), facts, "{rows:?}\n{text}");
            assert!(rows.iter().all(|row| row.error().is_none()), "{rows:?}\n{text}");
            assert_eq!(text.matches("# CHECK").count(), guess.notes().count());
        }
    }

    #[test]
    fn what_cannot_be_guessed_is_told_with_the_reason() {
        for (file, why) in [
            (&b""[..], "empty"),
            (b"{\"a\":1}\n", "JSON lines"),
            (b"a,b\n1,2\n", "no column looks like a time; the file has \"a\", \"b\""),
            (b"\xff\xfea\0", "UTF-16"),
        ] {
            let error = Guess::of(file, "x").unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
