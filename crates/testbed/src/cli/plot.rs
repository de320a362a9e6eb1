//! Plots for a terminal: plain numbers in, lines of text out, without colour and cursor control.
//!
//! Each plot is a function of its arguments alone, ends with a line feed and has no trailing blanks.
//! What cannot be drawn is left out, and said in a line of its own.

use std::fmt::Write;

/// Columns that a plot may have: below, numbers no longer fit; above, lines no longer read.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=160;

/// Rows that a panel of a time series may have.
const HEIGHTS: std::ops::RangeInclusive<usize> = 3..=20;

/// Columns of an area under which numbers move to lines of their own.
const NARROWEST: usize = 20;

/// An estimate and its interval.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    /// What was estimated.
    pub(crate) label: String,
    /// Lower end of the interval.
    pub(crate) low: f64,
    /// The estimate, which need not lie inside.
    pub(crate) estimate: f64,
    /// Upper end of the interval.
    pub(crate) high: f64,
}

/// The values of one variant, one for each trial.
#[derive(Clone, Debug)]
pub(crate) struct Dots {
    /// Name of the variant.
    pub(crate) label: String,
    /// One for each trial.
    pub(crate) values: Vec<Dot>,
}

/// The value of one trial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dot {
    /// The value.
    pub(crate) value: f64,
    /// Whether the trial does not count.
    pub(crate) void: bool,
}

/// A time series.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What it is of.
    pub(crate) label: String,
    /// Seconds and values, in any order. A value that is not finite interrupts the line.
    pub(crate) points: Vec<(f64, f64)>,
}

/// How values lie on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// By their difference.
    Linear,
    /// By their ratio, so that a half is as far from 1 as the double.
    Log,
}

/// How a value is written: with its unit, scaled where people are used to it.
type Format<'a> = &'a dyn Fn(f64) -> String;

/// The ends of an interval, the lower first.
type Ends = (f64, f64);

/// Seconds, and the value if there is one.
type Point = (f64, Option<f64>);

/// Draws intervals over a common axis, one line for each, and a vertical line at `reference`.
pub(crate) fn intervals(
    rows: &[Bar],
    unit: &str,
    reference: Option<(f64, &str)>,
    scale: Scale,
    width: usize,
    format: Format<'_>,
) -> String {
    let mut left_out = LeftOut::new(scale);
    let rows: Vec<(&str, Option<f64>, Option<Ends>)> = rows
        .iter()
        .map(|row| {
            let [low, estimate, high] = [row.low, row.estimate, row.high].map(|value| left_out.keep(value));
            (row.label.as_str(), estimate, low.zip(high).map(|(low, high)| (low.min(high), low.max(high))))
        })
        .collect();
    let reference = reference.and_then(|(value, label)| Some((left_out.keep(value)?, label)));
    let ends = rows.iter().flat_map(|(_, estimate, interval)| {
        estimate.iter().copied().chain(interval.iter().flat_map(|(low, high)| [*low, *high]))
    });
    let Some(domain) = Domain::of(ends.chain(reference.map(|(value, _)| value)), scale, unit) else {
        return left_out.nothing();
    };
    let texts: Vec<String> = rows
        .iter()
        .map(|(_, estimate, interval)| match (estimate, interval) {
            (Some(estimate), Some((low, high))) => {
                format!("{} [{}, {}]", format(*estimate), format(*low), format(*high))
            }
            (Some(estimate), None) => format!("{}, no interval", format(*estimate)),
            (None, Some((low, high))) => format!("no estimate [{}, {}]", format(*low), format(*high)),
            (None, None) => "no value".into(),
        })
        .collect();
    let width = clamp(width);
    let labels = Labels::of(rows.iter().map(|(label, ..)| *label), width);
    let beside = texts.iter().map(|text| text.chars().count()).max().unwrap_or_default() + 2;
    let room = width - labels.width;
    let is_beside = room >= beside + NARROWEST;
    let area = if is_beside { room - beside } else { room };
    let at = |value: f64| labels.width + domain.column(value, area);

    let mut page = Page::new(width);
    if let Some((value, label)) = reference {
        page.line().centred(at(value), label);
    }
    for ((label, estimate, interval), text) in rows.iter().zip(&texts) {
        let line = page.line();
        line.write(0, &labels.cut(label));
        if let Some((value, _)) = reference {
            line.set(at(value), '│');
        }
        if let Some((low, high)) = interval.map(|(low, high)| (at(low), at(high))) {
            let crossing = reference.map(|(value, _)| at(value));
            for column in low..=high {
                line.set(column, if crossing == Some(column) { '┼' } else { '─' });
            }
            line.set(low, '├');
            line.set(high, '┤');
        }
        if let Some(estimate) = estimate {
            line.set(at(*estimate), '●');
        }
        if is_beside {
            line.write(width - beside + 2, text);
        } else {
            page.line().write(labels.width.min(width.saturating_sub(text.chars().count())), text);
        }
    }
    page.axis(labels.width, area, &domain, reference.map(|(value, _)| at(value)), unit, format);
    left_out.say(page.text())
}

/// Draws the values of each variant over a common axis, with its median below.
///
/// A digit is that many values in one place, `+` more than nine; `×` is void, and `⊗` void beside one that is not.
pub(crate) fn blocks(rows: &[Dots], unit: &str, scale: Scale, width: usize, format: Format<'_>) -> String {
    let mut left_out = LeftOut::new(scale);
    let rows: Vec<(&str, Vec<f64>, Vec<f64>)> = rows
        .iter()
        .map(|row| {
            let mut kept = |void: bool| -> Vec<f64> {
                let values = row.values.iter().filter(|dot| dot.void == void);
                values.filter_map(|dot| left_out.keep(dot.value)).collect()
            };
            (row.label.as_str(), kept(false), kept(true))
        })
        .collect();
    let all = rows.iter().flat_map(|(_, valid, void)| valid.iter().chain(void).copied());
    let Some(domain) = Domain::of(all, scale, unit) else { return left_out.nothing() };
    let width = clamp(width);
    let labels = Labels::of(rows.iter().map(|(label, ..)| *label), width);
    let area = width - labels.width;

    let mut page = Page::new(width);
    for (label, valid, void) in &rows {
        let mut cells = vec![(0_usize, false); area];
        for value in valid {
            cells[domain.column(*value, area)].0 += 1;
        }
        for value in void {
            cells[domain.column(*value, area)].1 = true;
        }
        let line = page.line();
        line.write(0, &labels.cut(label));
        for (column, cell) in cells.iter().enumerate() {
            let glyph = match cell {
                (0, false) => continue,
                (0, true) => '×',
                (_, true) => '⊗',
                (1, false) => '•',
                (2..=9, false) => char::from_digit(u32::try_from(cell.0).unwrap_or(0), 10).unwrap_or('+'),
                (_, false) => '+',
            };
            line.set(labels.width + column, glyph);
        }
        let voids = if void.is_empty() { String::new() } else { format!(", {} void", void.len()) };
        let trials = if valid.len() == 1 { "trial" } else { "trials" };
        let Some(median) = median(valid) else {
            page.line().write(labels.width, &format!("no value that counts{voids}"));
            continue;
        };
        let text = format!("median {}, {} {trials}{voids}", format(median), valid.len());
        page.flag(labels.width + domain.column(median, area), labels.width, '▲', &text);
    }
    page.axis(labels.width, area, &domain, None, unit, format);
    left_out.say(page.text())
}

/// Draws time series in panels, one below the other, which share both axes. Each is `height` rows high.
pub(crate) fn series(lines: &[Line], unit: &str, width: usize, height: usize, format: Format<'_>) -> String {
    let mut left_out = LeftOut::new(Scale::Linear);
    let mut drawn: Vec<(&str, Vec<Point>)> = Vec::new();
    for line in lines {
        let mut points = Vec::new();
        for (second, value) in &line.points {
            // A point is one value, whichever of its numbers is missing.
            let point = if second.is_finite() { *value } else { f64::NAN };
            let value = left_out.keep(point);
            if second.is_finite() {
                points.push((*second, value));
            }
        }
        points.sort_by(|left, right| left.0.total_cmp(&right.0));
        drawn.push((&line.label, points));
    }
    let values = drawn.iter().flat_map(|(_, points)| points.iter().filter_map(|(_, value)| *value));
    let seconds = drawn.iter().flat_map(|(_, points)| points.iter().map(|(second, _)| *second));
    let (Some(values), Some(seconds)) =
        (Domain::of(values, Scale::Linear, unit), Domain::exactly(seconds, Scale::Linear))
    else {
        return left_out.nothing();
    };
    let width = clamp(width);
    let height = height.clamp(*HEIGHTS.start(), *HEIGHTS.end());
    let ticks = values.ticks((height / 2).clamp(3, 5), format);
    let unit = caption(ticks.iter().map(|(_, text)| text.as_str()), unit, Scale::Linear);
    let margin = ticks.iter().map(|(_, label)| label.chars().count()).max().unwrap_or_default();
    let margin = margin.min(width / 2) + 1;
    let area = width - margin - 1;

    let mut page = Page::new(width);
    for (label, points) in &drawn {
        let is_empty = points.iter().all(|(_, value)| value.is_none());
        let about = if is_empty { "no value" } else { unit.as_str() };
        let title = if about.is_empty() { (*label).to_owned() } else { format!("{label}, {about}") };
        page.line().write(0, &cut(&title, width));
        if is_empty {
            continue;
        }
        let mut canvas = Braille::new(area, height);
        let mut last: Option<(usize, usize)> = None;
        for (second, value) in points {
            let Some(value) = value else {
                last = None;
                continue;
            };
            let x = seconds.column(*second, area * 2);
            let y = height * 4 - 1 - values.column(*value, height * 4);
            canvas.line(last.unwrap_or((x, y)), (x, y));
            last = Some((x, y));
        }
        for row in 0..height {
            let line = page.line();
            let tick =
                ticks.iter().find(|(value, _)| height - 1 - values.column(*value, height * 4) / 4 == row);
            if let Some((_, label)) = tick {
                let label = cut(label, margin - 1);
                line.write(margin - 1 - label.chars().count(), &label);
            }
            line.set(margin, if tick.is_some() { '┤' } else { '│' });
            line.write(margin + 1, &canvas.row(row));
        }
    }
    page.axis(margin + 1, area, &seconds, None, "seconds", &|second| format!("{} s", shortest(second)));
    left_out.say(page.text())
}

fn clamp(width: usize) -> usize {
    width.clamp(*WIDTHS.start(), *WIDTHS.end())
}

/// Returns what has to be said of an axis beside its ticks: its unit, unless each of them ends with one.
fn caption<'a>(ticks: impl Iterator<Item = &'a str>, unit: &str, scale: Scale) -> String {
    let mut ticks = ticks.peekable();
    let has_unit =
        ticks.peek().is_some() && ticks.all(|text| text.ends_with(|end: char| !end.is_ascii_digit()));
    let unit = match unit.trim() {
        _ if has_unit => String::new(),
        "" | "1" => "ratio".into(),
        unit => unit.to_owned(),
    };
    match (scale, unit.as_str()) {
        (Scale::Linear, _) => unit,
        (Scale::Log, "") => "logarithmic".into(),
        (Scale::Log, _) => format!("{unit}, logarithmic"),
    }
}

/// Returns text in at most `width` columns.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    sorted.get(sorted.len() / 2 - 1).map(|lower| lower.midpoint(upper))
}

/// Returns a number as short as it can be told, with an exponent only where zeros would be counted.
fn shortest(value: f64) -> String {
    if value == 0.0 || (1e-4..1e9).contains(&value.abs()) { format!("{value}") } else { format!("{value:e}") }
}

/// Counts what cannot be drawn.
struct LeftOut {
    scale: Scale,
    not_finite: usize,
    not_positive: usize,
}

impl LeftOut {
    fn new(scale: Scale) -> Self {
        Self { scale, not_finite: 0, not_positive: 0 }
    }

    fn keep(&mut self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            self.not_finite += 1;
            return None;
        }
        if self.scale == Scale::Log && value <= 0.0 {
            self.not_positive += 1;
            return None;
        }
        Some(value)
    }

    fn say(&self, mut text: String) -> String {
        for (count, reason) in [
            (self.not_finite, "not finite"),
            (self.not_positive, "not positive, so not on a logarithmic axis"),
        ] {
            let values = if count == 1 { "value" } else { "values" };
            if count > 0 {
                let _ = writeln!(text, "{count} {values} left out: {reason}");
            }
        }
        text
    }

    fn nothing(&self) -> String {
        self.say("Nothing to plot.\n".into())
    }
}

/// The column of labels.
struct Labels {
    /// Columns it takes with the blanks after it.
    width: usize,
}

impl Labels {
    /// A third of the width at most: the rest is for the plot.
    fn of<'a>(labels: impl Iterator<Item = &'a str>, width: usize) -> Self {
        let longest = labels.map(|label| label.chars().count()).max().unwrap_or_default();
        Self { width: longest.min(width / 3) + 2 }
    }

    fn cut(&self, label: &str) -> String {
        cut(label, self.width - 2)
    }
}

/// The values from one end of an axis to the other, both finite and apart.
struct Domain {
    low: f64,
    high: f64,
    scale: Scale,
    /// Whether values are read in powers of two, as bytes are.
    is_binary: bool,
}

impl Domain {
    /// Returns a domain with all values and a little room on either side; values are finite, and fit the scale.
    fn of(values: impl Iterator<Item = f64>, scale: Scale, unit: &str) -> Option<Self> {
        let exact = Self::exactly(values, scale)?;
        // Room of a thirtieth keeps what lies at an end apart from the edge.
        let room = |low: f64, high: f64| (high / 30.0 - low / 30.0, low, high);
        let (low, high) = match scale {
            Scale::Linear => {
                let (room, low, high) = room(exact.low, exact.high);
                (low - room, high + room)
            }
            Scale::Log => {
                let (room, low, high) = room(exact.low.log10(), exact.high.log10());
                (10_f64.powf(low - room).max(f64::MIN_POSITIVE), 10_f64.powf(high + room))
            }
        };
        let is_binary = unit.trim() == "bytes";
        Some(Self { low: low.max(-f64::MAX), high: high.min(f64::MAX), scale, is_binary })
    }

    /// Returns a domain from the least value to the largest; wider, if there is hardly anything between them.
    fn exactly(values: impl Iterator<Item = f64>, scale: Scale) -> Option<Self> {
        let (low, high) = values.fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        })?;
        // Less than 12 digits of difference is nearer to the end of a float's precision than to a finding.
        let is_narrow = high / 2.0 - low / 2.0 <= low.abs().max(high.abs()) * 1e-12;
        let (low, high) = match (is_narrow, scale) {
            (false, _) => (low, high),
            (true, _) if high.abs() < 1e-300 && scale == Scale::Linear => (-1.0, 1.0),
            (true, Scale::Linear) => (low - low.abs() / 10.0, high + high.abs() / 10.0),
            (true, Scale::Log) => (low / 2.0, high * 2.0),
        };
        let low = if scale == Scale::Log { low.max(f64::MIN_POSITIVE) } else { low.max(-f64::MAX) };
        Some(Self { low, high: high.clamp(low, f64::MAX), scale, is_binary: false })
    }

    /// Returns the column of a value, from 0 to `width - 1`.
    fn column(&self, value: f64, width: usize) -> usize {
        let place = |value: f64| match self.scale {
            // Half of each, so that not even the whole range of a float overflows.
            Scale::Linear => value / 2.0,
            Scale::Log => value.log10(),
        };
        let share = (place(value) - place(self.low)) / (place(self.high) - place(self.low));
        let last = width.saturating_sub(1);
        // Of NaN the cast makes 0.
        ((share.clamp(0.0, 1.0) * last as f64).round() as usize).min(last)
    }

    /// Returns at most `most` round values with their texts, which tell them apart.
    fn ticks(&self, most: usize, format: Format<'_>) -> Vec<(f64, String)> {
        let values = match self.scale {
            Scale::Linear => None,
            Scale::Log => self.powers(most),
        };
        let values = values.or_else(|| self.steps(most)).unwrap_or_else(|| vec![self.low, self.high]);
        let texts: Vec<String> = values.iter().map(|value| format(*value)).collect();
        let is_told_apart = texts.windows(2).all(|pair| pair[0] != pair[1]);
        let texts = if is_told_apart { texts } else { values.iter().map(|value| shortest(*value)).collect() };
        values.into_iter().zip(texts).collect()
    }

    /// Returns values in even steps of 1, 2, 2.5 or 5 times a power of ten; for bytes, of a power of two.
    fn steps(&self, most: usize) -> Option<Vec<f64>> {
        let span = self.high - self.low;
        if !span.is_finite() || span <= 0.0 {
            return None;
        }
        let least = span / most as f64;
        let sizes: Vec<f64> = if self.is_binary {
            let power = least.log2().floor() as i32;
            (power..power + 4).map(|power| 2_f64.powi(power)).collect()
        } else {
            let power = least.log10().floor() as i32;
            let steps = |power: i32| [1.0, 2.0, 2.5, 5.0].map(|step| step * 10_f64.powi(power));
            (power..power + 3).flat_map(steps).collect()
        };
        sizes.into_iter().find_map(|size| {
            let (first, last) = ((self.low / size).ceil(), (self.high / size).floor());
            // Beyond 2^53 a float does not count.
            let is_countable = first.abs() < 9e15 && last.abs() < 9e15;
            if !is_countable || last - first >= most as f64 || last - first < 1.0 {
                return None;
            }
            // Parsed from its decimal digits, a tick is the round number, and not one beside it.
            // Adding zero takes the sign from a zero.
            let round = |value: f64| format!("{value:.14e}").parse().unwrap_or(value) + 0.0;
            Some((0..=(last - first) as usize).map(|index| round((first + index as f64) * size)).collect())
        })
    }

    /// Returns powers of ten, with 3 or with 2 and 5 between them, if three of them fit.
    fn powers(&self, most: usize) -> Option<Vec<f64>> {
        let (low, high) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let of = |stride: i32, mantissas: &[f64]| -> Vec<f64> {
            (low..=high)
                .filter(|power| power.rem_euclid(stride) == 0)
                .flat_map(|power| {
                    mantissas
                        .iter()
                        .filter_map(move |mantissa| format!("{mantissa}e{power}").parse::<f64>().ok())
                })
                .filter(|value| (self.low..=self.high).contains(value))
                .collect()
        };
        let fits = |values: &Vec<f64>| (3..=most.max(3)).contains(&values.len());
        let finer = [of(1, &[1.0, 2.0, 5.0]), of(1, &[1.0, 3.0])].into_iter().find(fits);
        finer.or_else(|| {
            [1, 2, 3, 5, 10, 20, 50, 100, 200].into_iter().map(|stride| of(stride, &[1.0])).find(fits)
        })
    }
}

/// One line of a plot.
struct Row(Vec<char>);

impl Row {
    /// Sets one column; what lies outside is not drawn.
    fn set(&mut self, column: usize, glyph: char) {
        if let Some(cell) = self.0.get_mut(column) {
            *cell = glyph;
        }
    }

    /// Writes text, beyond the plot's width if it must: half a number would be another number.
    fn write(&mut self, column: usize, text: &str) {
        let end = column + text.chars().count();
        self.0.resize(self.0.len().max(end), ' ');
        for (index, letter) in text.chars().enumerate() {
            // Labels come from the cluster: what could break a line or steer a terminal is a blank.
            self.set(column + index, if letter.is_control() { ' ' } else { letter });
        }
    }

    /// Writes text with its middle at a column, as far as the line's ends let it.
    fn centred(&mut self, column: usize, text: &str) {
        self.write(start(column, text, self.0.len()), text);
    }
}

/// Returns where text starts whose middle is at a column.
fn start(column: usize, text: &str, width: usize) -> usize {
    let length = text.chars().count();
    column.saturating_sub(length / 2).min(width.saturating_sub(length))
}

/// The lines of a plot.
struct Page {
    width: usize,
    lines: Vec<Row>,
}

impl Page {
    fn new(width: usize) -> Self {
        Self { width, lines: Vec::new() }
    }

    fn line(&mut self) -> &mut Row {
        self.lines.push(Row(vec![' '; self.width]));
        let last = self.lines.len() - 1;
        &mut self.lines[last]
    }

    /// Draws a glyph with its text to the right, to the left where only there is room, or else below.
    fn flag(&mut self, column: usize, left: usize, glyph: char, text: &str) {
        let (width, length) = (self.width, text.chars().count() + 1);
        let line = self.line();
        line.set(column, glyph);
        if column + length < width {
            line.write(column + 2, text);
        } else if column >= left + length {
            line.write(column - length, text);
        } else {
            self.line().write(start(column, text, width), text);
        }
    }

    /// Draws an axis with as many of 5 ticks as find room for their texts, and its unit.
    fn axis(
        &mut self,
        left: usize,
        area: usize,
        domain: &Domain,
        crossing: Option<usize>,
        unit: &str,
        format: Format<'_>,
    ) {
        let place = |most: usize| -> Vec<(usize, usize, String)> {
            let ticks = domain.ticks(most, format).into_iter();
            ticks
                .map(|(value, text)| {
                    let (column, text) = (left + domain.column(value, area), text);
                    (column, start(column, &text, self.width), text)
                })
                .collect()
        };
        let has_room = |ticks: &Vec<(usize, usize, String)>| {
            ticks.windows(2).all(|pair| pair[0].1 + pair[0].2.chars().count() + 2 <= pair[1].1)
        };
        let ticks =
            (2..=5).rev().map(place).find(has_room).unwrap_or_else(|| place(2).into_iter().take(1).collect());
        let rule = self.line();
        for column in left..left + area {
            rule.set(column, '─');
        }
        if let Some(column) = crossing {
            rule.set(column, '┴');
        }
        for (column, ..) in &ticks {
            rule.set(*column, if crossing == Some(*column) { '┼' } else { '┬' });
        }
        let texts = self.line();
        for (_, start, text) in &ticks {
            texts.write(*start, text);
        }
        let caption = caption(ticks.iter().map(|(.., text)| text.as_str()), unit, domain.scale);
        if !caption.is_empty() {
            self.line().centred(left + area / 2, &caption);
        }
    }

    fn text(&self) -> String {
        self.lines.iter().fold(String::new(), |mut text, line| {
            let letters: String = line.0.iter().collect();
            text.push_str(letters.trim_end());
            text.push('\n');
            text
        })
    }
}

/// A canvas of two by four dots for each character.
struct Braille {
    columns: usize,
    /// Bits of the dots, row by row, as Unicode numbers them.
    cells: Vec<u8>,
}

impl Braille {
    fn new(columns: usize, rows: usize) -> Self {
        Self { columns, cells: vec![0; columns * rows] }
    }

    fn dot(&mut self, x: usize, y: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            *cell |= BITS[y % 4][x % 2];
        }
    }

    /// Draws a line with as many dots as the longer of its sides has.
    fn line(&mut self, from: (usize, usize), to: (usize, usize)) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between =
            |from: usize, to: usize, step: usize| (from * (steps - step) + to * step + steps / 2) / steps;
        for step in 0..=steps {
            self.dot(between(from.0, to.0, step), between(from.1, to.1, step));
        }
    }

    /// Returns a row of characters; one without dots is a blank.
    fn row(&self, row: usize) -> String {
        let cells = self.cells.iter().skip(row * self.columns).take(self.columns);
        cells
            .map(|bits| match bits {
                0 => ' ',
                bits => char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' '),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> String {
        format!("{}", (value * 1000.0).round() / 1000.0)
    }

    fn bar(label: &str, low: f64, estimate: f64, high: f64) -> Bar {
        Bar { label: label.into(), low, estimate, high }
    }

    fn dots(label: &str, valid: &[f64], void: &[f64]) -> Dots {
        let dot = |void: bool| move |value: &f64| Dot { value: *value, void };
        Dots {
            label: label.into(),
            values: valid.iter().map(dot(false)).chain(void.iter().map(dot(true))).collect(),
        }
    }

    fn milliseconds(value: f64) -> String {
        format!("{} ms", number(value * 1000.0))
    }

    fn mebibytes(value: f64) -> String {
        format!("{} MiB", number(value / 1_048_576.0))
    }

    /// Compares a plot with a picture that starts on the line below.
    fn looks(plot: &str, picture: &str) {
        assert_eq!(plot, picture.strip_prefix('\n').unwrap_or(picture), "\n{plot}");
    }

    fn ratios() -> [Bar; 3] {
        [
            bar("memory_bytes", 0.41, 0.43, 0.46),
            bar("cpu_cores", 0.93, 0.95, 0.97),
            bar("query_latency_p99_seconds", 0.9, 1.2, 1.9),
        ]
    }

    #[test]
    fn intervals_stand_over_one_axis_with_the_bound() {
        let plot = intervals(&ratios(), "ratio", Some((0.5, "bound 0.5")), Scale::Log, 100, &number);
        looks(
            &plot,
            r"
                               bound 0.5
memory_bytes                 ├●─┤  │                                               0.43 [0.41, 0.46]
cpu_cores                          │                   ├●┤                         0.95 [0.93, 0.97]
query_latency_p99_seconds          │                  ├────────●──────────────┤    1.2 [0.9, 1.9]
                           ────────┼──────────────────────┬────────────┬─────────
                                  0.5                     1           1.5
                                             ratio, logarithmic
",
        );
    }

    #[test]
    fn where_it_is_narrow_numbers_move_below_and_labels_are_cut() {
        let plot = intervals(&ratios(), "ratio", Some((0.5, "bound 0.5")), Scale::Linear, 0, &number);
        looks(
            &plot,
            r"
             bound 0.5
memory_bytes    ●┤
               0.43 [0.41, 0.46]
cpu_cores        │      ●
               0.95 [0.93, 0.97]
query_latenc…    │     ├────●─────────┤
               1.2 [0.9, 1.9]
               ──┼───────┬──────┬───────
                0.5      1     1.5
                         ratio
",
        );
    }

    #[test]
    fn an_interval_that_is_missing_is_said() {
        let rows = [
            bar("a", 0.002, 0.002, 0.002),
            bar("b", f64::NAN, 0.004, f64::INFINITY),
            bar("c", f64::NAN, f64::NAN, f64::NAN),
        ];
        looks(
            &intervals(&rows, "seconds", None, Scale::Linear, 70, &milliseconds),
            r"
a   ●                                                2 ms [2 ms, 2 ms]
b                                                ●   4 ms, no interval
c                                                    no value
   ─┬──────────┬───────────┬──────────┬──────────┬─
  2 ms      2.5 ms       3 ms      3.5 ms      4 ms
5 values left out: not finite
",
        );
    }

    #[test]
    fn blocks_show_what_coincides_what_is_void_and_the_median() {
        let rows = [
            dots("prometheus", &[0.0123, 0.0125, 0.0125, 0.013, 0.0127, f64::NAN], &[0.019]),
            dots("victoriametrics", &[0.015, 0.0151, 0.0152, 0.0164], &[0.0164]),
            dots("many", &[0.018; 12], &[]),
            dots("none", &[], &[0.014]),
        ];
        looks(
            &blocks(&rows, "seconds", Scale::Linear, 80, &milliseconds),
            r"
prometheus         • 2•  •                                                   ×
                     ▲ median 12.5 ms, 5 trials, 1 void
victoriametrics                           •••          ⊗
                                            ▲ median 15.15 ms, 4 trials, 1 void
many                                                                +
                                            median 18 ms, 12 trials ▲
none                              ×
                 no value that counts, 1 void
                 ─────────────────┬────────────────┬────────────────┬───────────
                                14 ms            16 ms            18 ms
1 value left out: not finite
",
        );
    }

    #[test]
    fn panels_of_a_series_share_both_axes_and_a_gap_stays_a_gap() {
        let line = |label: &str, value: &dyn Fn(f64) -> f64| Line {
            label: label.into(),
            points: (0..=60).map(f64::from).map(|second| (second, value(second) * 1_048_576.0)).collect(),
        };
        let lines = [
            line("prometheus", &|second| {
                if second < 30.0 { 100.0 + second } else { 100.0 + (second - 30.0) * 2.0 }
            }),
            line("victoriametrics", &|second| if (20.0..30.0).contains(&second) { f64::NAN } else { 42.0 }),
        ];
        looks(
            &series(&lines, "bytes", 80, 6, &mebibytes),
            r"
prometheus
        │                                                              ⣀⣀⣀⡠⠤⠤⠒⠒⠒
128 MiB ┤                           ⣀⣀⣀⣀⣀⣀⣀⢄              ⣀⣀⣀⡠⠤⠤⠒⠒⠒⠊⠉⠉⠉
        │  ⣀⣀⣀⣀⣀⣀⠤⠤⠤⠤⠤⠤⠒⠒⠒⠒⠒⠒⠒⠉⠉⠉⠉⠉⠉       ⠈⢆⢀⣀⣀⣀⠤⠤⠒⠒⠒⠊⠉⠉⠉
        │⠉⠉                                 ⠈⠁
 64 MiB ┤
        │
victoriametrics
        │
128 MiB ┤
        │
        │
 64 MiB ┤
        │⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤            ⠠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤
         ┬──────────────────────┬───────────────────────┬──────────────────────┬
        0 s                   20 s                    40 s                  60 s
10 values left out: not finite
",
        );
    }

    #[test]
    fn one_point_is_a_dot_on_axes_around_it() {
        let one = Line { label: "one".into(), points: vec![(3.0, 7.0)] };
        let none = Line { label: "none".into(), points: Vec::new() };
        looks(
            &series(&[one, none], "cores", 0, 0, &number),
            r"
one, cores
7.5 ┤
  7 ┤                 ⠐
6.5 ┤
none, no value
     ──────┬──────────┬──────────┬──────
         2.8 s       3 s       3.2 s
",
        );
    }

    #[test]
    fn ticks_whose_texts_would_be_the_same_are_told_apart() {
        let rows = [bar("a", 100.000_1, 100.000_2, 100.000_3)];
        looks(
            &intervals(&rows, "seconds", None, Scale::Linear, 70, &number),
            r"
a    ├──────────────────────●──────────────────────┤    100 [100, 100]
   ──┬──────────┬───────────┬───────────┬──────────┬──
 100.0001   100.00015   100.0002    100.00025  100.0003
                         seconds
",
        );
    }

    #[test]
    fn a_logarithmic_axis_over_many_decades_has_powers_of_ten() {
        let rows = [bar("a", 1e-6, 1.0, 1e6), bar("b", -1.0, 0.0, 2.0)];
        looks(
            &intervals(&rows, "", None, Scale::Log, 70, &shortest),
            r"
a   ├──────────────────────●─────────────────────┤   1 [1e-6, 1000000]
b                                                    no value
   ─┬──────────┬───────────┬──────────┬──────────┬─
  1e-6       0.001         1        1000      1000000
                  ratio, logarithmic
2 values left out: not positive, so not on a logarithmic axis
",
        );
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        looks(&intervals(&[], "ratio", None, Scale::Log, 80, &number), "Nothing to plot.\n");
        looks(&series(&[], "bytes", 80, 8, &number), "Nothing to plot.\n");
        let rows = [dots("a", &[f64::NAN], &[f64::INFINITY])];
        looks(
            &blocks(&rows, "ratio", Scale::Linear, 80, &number),
            "Nothing to plot.\n2 values left out: not finite\n",
        );
    }

    #[test]
    fn labels_cannot_break_a_line_or_steer_a_terminal() {
        let plot = blocks(&[dots("a\n\u{1b}[2J", &[1.0], &[])], "x\ny", Scale::Linear, 80, &|_| "1\r".into());
        assert!(plot.chars().all(|letter| letter == '\n' || !letter.is_control()), "{plot:?}");
    }

    /// What numbers can do to a plot: no number at all, no difference, no magnitude, too much of it.
    const NASTY: [f64; 14] = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        5e-324,
        f64::MIN_POSITIVE,
        1e-310,
        1.0,
        1.0 + f64::EPSILON,
        -1.0,
        1e16 + 2.0,
        f64::MAX,
        f64::MIN,
    ];

    #[test]
    fn no_numbers_break_a_plot() {
        for a in NASTY {
            for b in NASTY {
                for c in NASTY {
                    for (scale, width) in [(Scale::Linear, 0), (Scale::Log, usize::MAX)] {
                        let rows = [bar("a", a, b, c), bar("b", c, a, b)];
                        let plots = [
                            intervals(&rows, "x", Some((c, "c")), scale, width, &|value| {
                                format!("{value:.1e}")
                            }),
                            blocks(&[dots("a", &[a, b], &[c])], "x", scale, width, &|value| {
                                format!("{value:.1e}")
                            }),
                            series(
                                &[Line { label: "a".into(), points: vec![(a, b), (b, c), (c, a)] }],
                                "x",
                                width,
                                4,
                                &shortest,
                            ),
                        ];
                        for plot in plots {
                            assert!(plot.ends_with('\n'), "{a} {b} {c}: {plot}");
                            let longest = plot.lines().map(|line| line.chars().count()).max().unwrap_or(0);
                            assert!(longest <= clamp(width), "{a} {b} {c}: {longest} columns\n{plot}");
                            assert!(plot.lines().all(|line| line == line.trim_end()), "{a} {b} {c}: {plot}");
                        }
                    }
                }
            }
        }
    }
}
