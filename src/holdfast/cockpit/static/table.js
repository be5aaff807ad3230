// Rows of plain-text cells, kept by key. Emits `pick` with a row's key. Text is never read as HTML.
export default {
  template: `
    <div class="rows">
      <table v-if="rows.length" :aria-label="label">
        <thead><tr><th v-for="c in columns" :class="c.kind" scope="col">{{ c.label }}</th></tr></thead>
        <tbody>
          <tr v-for="row in rows" :key="row.key" :class="{ picks }" :data-key="row.key"
              :tabindex="picks ? 0 : null" @click="pick(row)" @keydown.enter="pick(row)"
              @keydown.space.prevent="pick(row)">
            <td v-for="(cell, i) in row.cells" :class="[columns[i].kind, 'c' + i]" :data-label="columns[i].label">
              <span :class="['cell', cell.tone]" :data-why="cell.why" :aria-label="spoken(cell)" :role="cell.pips ? 'img' : null"
                    :tabindex="cell.tone === 'absent' && !picks ? 0 : null"><template v-if="cell.pips"
                ><i v-for="pip in cell.pips" :class="['pip', pip]"></i></template>{{ cell.pips ? "" : cell.text }}</span>
              <span v-if="cell.meter != null" class="meter" aria-hidden="true"
                ><i :style="{ width: 100 * cell.meter + '%' }"></i></span>
              <span v-if="cell.sub" class="sub">{{ " " + cell.sub }}</span>
            </td>
          </tr>
        </tbody>
      </table>
      <p v-else class="empty">{{ empty }}</p>
    </div>`,
  props: { columns: Array, rows: Array, label: String, empty: String, picks: Boolean },
  emits: ["pick"],
  methods: {
    pick(row) {
      if (this.picks && !window.getSelection().toString()) this.$emit("pick", row.key);
    },
    spoken(cell) {
      return cell.tone === "absent" ? "absent: " + cell.why : cell.pips ? cell.text : null;
    },
  },
};
