import { mount } from 'svelte'
import App from './App.svelte'
import { startTheme } from './lib/theme.svelte'
import './styles/base.css'

startTheme()
mount(App, { target: document.getElementById('app')! })
